import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Capabilities } from '@touchstone/shared/contracts/capabilities';
import type { DetectorReport } from '@touchstone/shared/contracts/heartbeat';
import { RequestRecord } from '@touchstone/shared/contracts/request-record';
import { openHeartbeat } from '@touchstone/shared/queue/heartbeats';
import { readJson } from '@touchstone/shared/storage/json-object';
import { requestKey } from '@touchstone/shared/storage/keys';
import { artefactOf } from '../../../packages/fusion/tests/fusion-fixtures.ts';
import { formOf, runGateway, until, type RunningGateway } from './running-gateway.ts';
import { jpegOf } from './tiny-images.ts';

const artefact = artefactOf();

/** A worker that runs bundles with these weights, as the gateway hears of it. */
function beatOf(gateway: RunningGateway, weights: Partial<Record<'sbi' | 'distildire', string>>) {
  const detectors = (['sbi', 'distildire'] as const).map((slot): DetectorReport => ({
    slot,
    state: 'ready',
    detail: null,
    bundle: {
      id: `${slot}-test`,
      version: '1.0.0',
      weights_sha256: weights[slot] ?? artefact.detectors[slot]!.weights_sha256,
    },
    provider: 'cpu',
    warm_ms: 5,
  }));
  const about = { role: 'gpu-worker', instance: 'test-1', pid: 1, started_at: new Date(0).toISOString() } as const;
  return openHeartbeat(gateway.redis, gateway.prefix, () => ({ ...about, detectors }));
}

const read = async (gateway: RunningGateway) =>
  Capabilities.parse(await (await gateway.get('/api/v1/capabilities')).json());
const submit = (gateway: RunningGateway, operatingPoint: string) =>
  gateway.post('/api/v1/detections', formOf(jpegOf(20, 30), { operating_point: operatingPoint }));

describe('with a calibration', () => {
  let folder: string;
  let gateway: RunningGateway;
  let beat: Awaited<ReturnType<typeof beatOf>> | null = null;
  const hear = async (weights: Parameters<typeof beatOf>[1], isHeard: (heard: Capabilities) => boolean) => {
    beat = beatOf(gateway, weights);
    await until(async () => isHeard(await read(gateway)));
  };
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'capabilities-'));
    const path = join(folder, 'calibration.json');
    await writeFile(path, JSON.stringify(artefact));
    gateway = await runGateway({ CALIBRATION_PATH: path });
  });
  afterEach(async () => {
    await beat?.close();
    beat = null;
  });
  afterAll(async () => {
    await gateway.close();
    await rm(folder, { recursive: true });
  });

  it('tells the detectors that run, and the operating points with what was measured', async () => {
    await hear({}, ({ detectors }) => detectors[0]!.state === 'ready');
    const answer = await read(gateway);
    expect(answer).toMatchObject({
      calibrated: true,
      calibration: { id: 'cal-test', domain: 'synthetic', sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
      default_operating_point: 'fpr_5pct',
      formats: ['image/jpeg', 'image/png', 'image/webp'],
      direct_upload: false,
      limits: { max_image_bytes: 26_214_400, min_scored_face_px: 64 },
      llm: null,
    });
    expect(answer.detectors[0]).toEqual({
      slot: 'sbi',
      state: 'ready',
      id: 'sbi-test',
      version: '1.0.0',
      weights_sha256: 'a'.repeat(64),
      provider: 'cpu',
      calibrated: true,
    });
    expect(answer.operating_points.map(({ id, alpha }) => [id, alpha])).toEqual([
      ['fpr_1pct', 0.01],
      ['fpr_5pct', 0.05],
    ]);
    expect(answer.operating_points[0]!.figures[2]).toMatchObject({
      detectors: ['sbi', 'distildire'],
      measured_fpr: 0.009,
      n_real: 500,
    });
  });

  it('takes the operating points that it offers into the request, and refuses others by name', async () => {
    await hear({}, ({ calibrated }) => calibrated);
    const accepted = await submit(gateway, 'fpr_1pct');
    expect(accepted.status).toBe(202);
    const { id } = (await accepted.json()) as { id: string };
    const request = await readJson(gateway.store, requestKey('default', id), RequestRecord);
    expect(request?.options.operating_point).toBe('fpr_1pct');

    const refused = await submit(gateway, 'fpr_2pct');
    expect(refused.status).toBe(422);
    expect(await refused.json()).toMatchObject({
      code: 'operating_point_unavailable',
      detail: 'This deployment offers fpr_1pct, fpr_5pct.',
    });
  });

  it('offers nothing, and says not calibrated, while a detector runs with other weights', async () => {
    await hear({ distildire: 'e'.repeat(64) }, ({ calibrated }) => !calibrated);
    expect(await read(gateway)).toMatchObject({
      default_operating_point: null,
      operating_points: [],
      detectors: [
        { slot: 'sbi', calibrated: true },
        { slot: 'distildire', calibrated: false },
      ],
    });
    expect((await submit(gateway, 'fpr_1pct')).status).toBe(422);
  });

  it('answers 304 to who has it, and 405 to who wants to change it', async () => {
    await hear({}, ({ calibrated }) => calibrated);
    const first = await gateway.get('/api/v1/capabilities');
    const again = await gateway.get('/api/v1/capabilities', { 'if-none-match': first.headers.get('etag')! });
    expect(again.status).toBe(304);
    const posted = await gateway.post('/api/v1/capabilities', new FormData());
    expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });
});

describe('without a calibration', () => {
  let gateway: RunningGateway;
  beforeAll(async () => {
    gateway = await runGateway({ DETECTORS: 'sbi' });
  });
  afterAll(() => gateway.close());

  it('says so, and that no worker runs', async () => {
    // As long as Redis is not connected, nothing is known of the workers.
    await until(async () => (await read(gateway)).detectors[0]?.state === 'unavailable');
    expect(await read(gateway)).toMatchObject({
      calibrated: false,
      calibration: null,
      operating_points: [],
      detectors: [{ slot: 'sbi', state: 'unavailable', id: null, calibrated: false }],
    });
  });

  it('is for keys that may read', async () => {
    const [reads, writes] = [
      await gateway.keys('create --tenant acme --scopes detect:read'),
      await gateway.keys('create --tenant acme --scopes detect:write'),
    ];
    const ask = (key: string) => gateway.get('/api/v1/capabilities', { authorization: `Bearer ${key}` });
    // Until the keys are read, this machine is served without one.
    await until(async () => (await gateway.get('/api/v1/capabilities')).status === 401);
    expect((await ask(reads)).status).toBe(200);
    expect((await ask(writes)).status).toBe(403);
  });
});

describe('without Redis', () => {
  it('tells what it knows, and takes the operating points of its calibration', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'capabilities-'));
    const path = join(folder, 'calibration.json');
    await writeFile(path, JSON.stringify(artefact));
    const gateway = await runGateway({ CALIBRATION_PATH: path, REDIS_URL: 'redis://127.0.0.1:1' });
    try {
      const answer = await read(gateway);
      expect(answer.detectors.map(({ state }) => state)).toEqual(['unknown', 'unknown']);
      expect((await submit(gateway, 'fpr_1pct')).status).toBe(202);
      expect((await submit(gateway, 'fpr_2pct')).status).toBe(422);
    } finally {
      await gateway.close();
      await rm(folder, { recursive: true });
    }
  });
});
