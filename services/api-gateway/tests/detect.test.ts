import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Detection } from '@touchstone/shared/contracts/detection';
import type { RevisionPayload } from '@touchstone/shared/queue/catalog';
import { RequestRecord } from '@touchstone/shared/contracts/request-record';
import { indexPrefix, requestKey } from '@touchstone/shared/storage/keys';
import { readJson } from '@touchstone/shared/storage/json-object';
import { formOf, runGateway, until, type RunningGateway } from './running-gateway.ts';
import { jpegOf } from './tiny-images.ts';
import { silentRow } from './verdict-fixtures.ts';

describe('POST /api/v1/detect', () => {
  let gateway: RunningGateway;
  const start = async (settings: NodeJS.ProcessEnv = {}) => {
    gateway = await runGateway({ DETECT_WAIT_MS: '15000', ...settings });
  };
  beforeEach(() => {
    gateway = undefined as unknown as RunningGateway;
  });
  afterEach(() => gateway.close());
  const detect = (image: Buffer = jpegOf(20, 30), headers: Record<string, string> = {}) =>
    gateway.post('/api/v1/detect', formOf(image), headers);
  const detections = () => gateway.store.list(indexPrefix('default'), null, 100);

  it('answers with the original body to the letter, and the rest in headers', async () => {
    await start();
    const seen: RevisionPayload[] = [];
    gateway.answerJobs({}, seen);
    const response = await detect();
    expect(response.status).toBe(200);
    expect(await response.text()).toBe(
      '{"is_fake":true,"confidence":0.93,"ensemble_mode":"2_models_active","models":{' +
        '"sbi":{"is_fake":true,"confidence":0.91,"status":"active"},' +
        '"distildire":{"is_fake":true,"confidence":0.95,"status":"active"},' +
        '"chatgpt":{"is_fake":null,"confidence":null,"status":"unavailable"}}}',
    );
    const [payload] = seen;
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(response.headers.get('touchstone-verdict')).toBe('manipulated');
    expect(response.headers.get('location')).toBe(`/api/v1/detections/${payload!.id}`);
    expect(await readJson(gateway.store, requestKey('default', payload!.id), RequestRecord)).toMatchObject({
      priority: 1,
    });
  });

  it('answers 504 with where to look when it takes too long, and the same bytes again join that detection', async () => {
    await start({ DETECT_WAIT_MS: '150' });
    const late = await detect();
    expect([late.status, await late.json()]).toMatchObject([504, { code: 'detection_timeout', status: 504 }]);
    const location = late.headers.get('location')!;
    expect(location).toMatch(/^\/api\/v1\/detections\/det_/);
    expect(late.headers.get('retry-after')).toBe('1');
    expect((await gateway.get(location)).status).toBe(200);
    await gateway.storeVerdict(location.split('/').at(-1)!);
    const again = await detect();
    expect([again.status, again.headers.get('location')]).toEqual([200, location]);
    expect(await detections()).toHaveLength(1);
  });

  it('lets equal posts at the same time join one detection, and asks others apart', async () => {
    await start();
    const same = [detect(), detect(), detect()];
    const other = gateway.post('/api/v1/detect', formOf(jpegOf(20, 30), { detectors: 'sbi' }));
    gateway.answerJobs();
    const answers = await Promise.all([...same, other]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    const locations = answers.map(({ headers }) => headers.get('location'));
    expect(new Set(locations.slice(0, 3)).size).toBe(1);
    expect(new Set(locations).size).toBe(2);
    expect(await detections()).toHaveLength(2);
    const later = await detect();
    expect(locations).not.toContain(later.headers.get('location'));
  });

  it('answers 202 only to who prefers that', async () => {
    await start();
    const response = await detect(jpegOf(20, 30), { prefer: 'respond-async' });
    expect(response.status).toBe(202);
    expect(Detection.parse(await response.json())).toMatchObject({ status: 'queued' });
    const shortly = await detect(jpegOf(9, 9), { prefer: 'respond-async, wait=1' });
    expect([shortly.status, shortly.headers.get('location')]).toEqual([202, expect.any(String)]);
  });

  it('waits no longer than the client prefers', async () => {
    await start();
    const response = await detect(jpegOf(20, 30), { prefer: 'wait=1' });
    expect(response.status).toBe(504);
  });

  it('answers 422 when the pixels turn out to be damaged', async () => {
    await start();
    gateway.answerJobs({ verdict: 'unable_to_evaluate', probability: null, reasons: ['undecodable'], detectors: [] });
    const response = await detect();
    expect([response.status, await response.json()]).toMatchObject([422, { code: 'undecodable_image' }]);
    expect(response.headers.get('location')).toMatch(/det_/);
  });

  it('answers 200 without an opinion when the image is the subject of no detector', async () => {
    await start();
    const silent = { status: 'not_applicable', reason: 'no_face' } as const;
    gateway.answerJobs({
      verdict: 'not_applicable',
      probability: null,
      reasons: ['no_applicable_detector'],
      detectors: [silentRow('sbi', silent), silentRow('distildire', silent)],
    });
    const response = await detect();
    expect([response.status, await response.json()]).toMatchObject([
      200,
      { is_fake: null, confidence: null, ensemble_mode: '0_models_active' },
    ]);
  });

  it.each([
    ['fails', { status: 'failed', reason: 'runtime_error' }],
    ['takes too long', { status: 'timed_out', reason: 'deadline' }],
    ['is not there', { status: 'skipped', reason: 'model_unavailable' }],
  ] as const)('answers 503 when the only detector with something to say %s', async (_how, row) => {
    await start();
    gateway.answerJobs({
      verdict: 'unable_to_evaluate',
      probability: null,
      reasons: ['below_quorum'],
      detectors: [silentRow('sbi', { status: 'not_applicable', reason: 'no_face' }), silentRow('distildire', row)],
    });
    const response = await detect();
    expect([response.status, await response.json()]).toMatchObject([503, { code: 'no_detector_available' }]);
  });

  it('answers 503 when the detectors that were asked for are not running', async () => {
    await start();
    const absent = { status: 'skipped', reason: 'model_unavailable' } as const;
    gateway.answerJobs({
      verdict: 'unable_to_evaluate',
      probability: null,
      reasons: ['below_quorum'],
      detectors: [silentRow('sbi', absent), silentRow('distildire', absent)],
    });
    const response = await detect();
    expect([response.status, await response.json()]).toMatchObject([503, { code: 'no_detector_available' }]);
    expect(response.headers.get('retry-after')).not.toBeNull();
  });

  it('answers 503 at once when too many wait, while detections are accepted without waiting', async () => {
    await start({ MAX_HELD: '0' });
    const response = await detect();
    expect([response.status, await response.json()]).toMatchObject([503, { code: 'overloaded' }]);
    expect(response.headers.get('retry-after')).toBe('5');
    expect(await gateway.leftovers()).toEqual([]);
    const accepted = await gateway.post('/api/v1/detections', formOf(jpegOf(9, 9)), { prefer: 'wait=50' });
    expect(accepted.status).toBe(202);
    const looked = await gateway.get(accepted.headers.get('location')!, { prefer: 'wait=50' });
    expect([looked.status, looked.headers.get('preference-applied')]).toEqual([200, null]);
  });

  it('answers who waits when the service stops', async () => {
    await start();
    const waiting = [detect(), gateway.post('/api/v1/detections', formOf(jpegOf(9, 9)), { prefer: 'wait=50' })];
    const held = async () => {
      const text = await (await fetch(`${gateway.metricsUrl}/metrics`)).text();
      return /^touchstone_held_connections\{[^}]*\} 2$/m.test(text);
    };
    await until(held);
    const startedMs = performance.now();
    await gateway.stop();
    expect(performance.now() - startedMs).toBeLessThan(5_000);
    expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([504, 202]);
  });
});
