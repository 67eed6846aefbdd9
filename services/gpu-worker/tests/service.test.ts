import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { randomUUID } from 'node:crypto';
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tinyProbability, writeTinyBundle } from '@touchstone/models/tiny-bundle';
import { newDetectionId } from '@touchstone/shared/contracts/detection-id';
import { Partial as DetectorPartial } from '@touchstone/shared/contracts/partial';
import { RequestRecord } from '@touchstone/shared/contracts/request-record';
import type { CnnSlot, Slot } from '@touchstone/shared/contracts/vocabulary';
import type { Service } from '@touchstone/shared/process/run-service';
import type { QueueName, RevisionPayload } from '@touchstone/shared/queue/catalog';
import { openDetectionJobs, type DetectionJobs } from '@touchstone/shared/queue/detection-jobs';
import { readHeartbeats } from '@touchstone/shared/queue/heartbeats';
import { openJobWorker } from '@touchstone/shared/queue/job-worker';
import { closeRedis, CONSUMER_OPTIONS, openRedis } from '@touchstone/shared/queue/redis-connection';
import { openObjectStore, type ObjectStoreSettings } from '@touchstone/shared/storage/open-object-store';
import { openDirectoryObjectStore } from '@touchstone/shared/storage/directory-object-store';
import { createJson, readJson } from '@touchstone/shared/storage/json-object';
import { partialKey, requestKey, uploadKey } from '@touchstone/shared/storage/keys';
import type { ObjectStore } from '@touchstone/shared/storage/object-store';
import { loadConfig } from '../src/config.ts';
import { startService, type ServiceDeps } from '../src/service.ts';
import { createFakePreparer, type FakeImage } from './fake-preparer.ts';

const url = process.env['TEST_REDIS_URL'] ?? '';
const ignore = () => undefined;
const plain: FakeImage = { grey: 100, faces: [{ grey: 200, sidePx: 90, score: 0.9 }] };

describe('a gpu-worker on a real Redis and a real directory store', () => {
  let folder: string;
  let prefix: string;
  let redis: Redis;
  let store: ObjectStore;
  let jobs: DetectionJobs;
  let service: Service | undefined;
  let open: { close(): Promise<unknown> }[];
  let prepareCount: number;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gpu-worker-'));
    prefix = `test-${randomUUID().slice(0, 8)}`;
    redis = openRedis(url, CONSUMER_OPTIONS, ignore);
    store = await openDirectoryObjectStore(join(folder, 'data/objects'));
    jobs = openDetectionJobs(redis, prefix, ignore);
    open = [];
    prepareCount = 0;
    await writeTinyBundle(join(folder, 'face'), { scope: 'face-forgery' });
    await writeTinyBundle(join(folder, 'whole'), { scope: 'whole-image', isChained: true });
  });
  afterEach(async () => {
    await service?.close();
    service = undefined;
    await Promise.all(open.map((part) => part.close()));
    await jobs.close();
    await closeRedis(redis);
    await store.close();
    await rm(folder, { recursive: true });
  });

  const start = async (env: Record<string, string> = {}, deps: Partial<ServiceDeps> = {}): Promise<Service> => {
    const settings = {
      REDIS_URL: url,
      QUEUE_PREFIX: prefix,
      DATA_DIR: join(folder, 'data'),
      LOG_LEVEL: 'silent',
      MODEL_SBI_PATH: join(folder, 'face'),
      MODEL_DISTILDIRE_PATH: join(folder, 'whole'),
      ...env,
    };
    const openPreparer: ServiceDeps['openPreparer'] = async ({ plans }) =>
      createFakePreparer(plans, () => void prepareCount++);
    return (service = await startService(loadConfig(settings), { openPreparer, ...deps }));
  };
  /** Resolves when a job of this queue runs: `merge-verdict` does when all detectors of the flow have ended. */
  const jobOf = (queue: Exclude<QueueName, 'deliver-webhook'>): Promise<RevisionPayload> =>
    new Promise((resolve) => {
      const events = { onFailed: ignore, onStalled: ignore, onError: ignore };
      const worker = openJobWorker(queue, { connection: redis, prefix, concurrency: 1, events }, async (payload) => {
        resolve(payload);
        return {};
      });
      open.push(worker);
      worker.start();
    });
  const submit = async (
    image: FakeImage,
    slots: Slot[] = ['sbi', 'distildire'],
    beforeEnqueue: (ref: RevisionPayload) => Promise<void> = async () => undefined,
  ): Promise<RevisionPayload> => {
    const payload: RevisionPayload = { tenant: 'default', id: newDetectionId(Date.now()), revision: 1, slots };
    const { tenant, id } = payload;
    await store.create(uploadKey(tenant, id), Buffer.from(JSON.stringify(image)));
    await createJson(store, requestKey(tenant, id), RequestRecord, {
      v: 1,
      id,
      tenant,
      accepted_at: new Date().toISOString(),
      image: {
        sha256: 'a'.repeat(64),
        media_type: 'image/png',
        declared_media_type: null,
        bytes: 1,
        width: 640,
        height: 480,
      },
      options: { external_id: null, detectors: slots, operating_point: null },
      slots,
      priority: 10,
    });
    await beforeEnqueue(payload);
    await jobs.addFlow(payload, 10);
    return payload;
  };
  const until = async (holds: () => Promise<boolean>) => {
    while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 10));
  };
  const partialOf = (payload: RevisionPayload, slot: CnnSlot) =>
    readJson(store, partialKey(payload, slot), DetectorPartial);

  it('stores one partial per slot after one preparation, through a bundle of one graph and a chain of two', async () => {
    await start();
    const merged = jobOf('merge-verdict');
    const payload = await submit({
      grey: 100,
      faces: [
        { grey: 150, sidePx: 200, score: 0.95 },
        { grey: 200, sidePx: 90, score: 0.9 },
        { grey: 250, sidePx: 30, score: 0.8 },
      ],
    });
    await merged;
    const sbi = await partialOf(payload, 'sbi');
    expect(sbi).toMatchObject({ status: 'completed', scored_regions: 2, detector: { id: 'tiny-face-forgery' } });
    expect(sbi?.score).toBeCloseTo(tinyProbability(200), 4);
    expect(sbi?.faces.map(({ reason }) => reason)).toEqual([null, null, 'face_too_small']);
    expect(sbi?.faces[0]?.score).toBeCloseTo(tinyProbability(150), 4);
    const distildire = await partialOf(payload, 'distildire');
    expect(distildire).toMatchObject({
      status: 'completed',
      scored_regions: 1,
      faces: [],
      detector: { provider: 'cpu' },
    });
    expect(distildire?.score).toBeCloseTo(tinyProbability(100), 4);
    expect(prepareCount).toBe(1);
  });

  it('tells what its detectors are, and is ready', async () => {
    const { addresses } = await start({ MODEL_SBI_PATH: join(folder, 'nowhere') });
    const [beat] = await readHeartbeats(redis, prefix, Date.now());
    expect(beat).toMatchObject({ role: 'gpu-worker', pid: process.pid, metrics_url: addresses['metrics'] });
    expect(beat?.detectors).toMatchObject([
      {
        slot: 'sbi',
        state: 'unavailable',
        detail: expect.stringContaining('MODEL_SBI_PATH: there is no model bundle at nowhere'),
      },
      { slot: 'distildire', state: 'ready', bundle: { id: 'tiny-whole-image-chained' }, provider: 'cpu' },
    ]);
    expect((await fetch(`${addresses['metrics']}/readyz`)).status).toBe(200);
    const metrics = await (await fetch(`${addresses['metrics']}/metrics`)).text();
    expect(metrics).toContain('nodejs_eventloop_lag_p99_seconds');
    expect(metrics).toContain('touchstone_batch_size');
  });

  it('gives no number for an image without a face', async () => {
    await start();
    const merged = jobOf('merge-verdict');
    const payload = await submit({ grey: 1, faces: [] });
    await merged;
    expect(await partialOf(payload, 'sbi')).toMatchObject({
      status: 'not_applicable',
      reason: 'no_face',
      score: null,
      scored_regions: 0,
    });
    expect(await partialOf(payload, 'distildire')).toMatchObject({ status: 'completed' });
  });

  it('calls a damaged image undecodable at the first attempt', async () => {
    await start();
    const merged = jobOf('merge-verdict');
    const payload = await submit({ ...plain, isDamaged: true });
    await merged;
    for (const slot of ['sbi', 'distildire'] as const) {
      expect(await partialOf(payload, slot)).toMatchObject({ status: 'failed', reason: 'undecodable', score: null });
    }
    expect(prepareCount).toBe(1);
  });

  it.each([
    ['whose folder is missing', async () => rm(join(folder, 'face'), { recursive: true })],
    ['that was changed', async () => appendFile(join(folder, 'face/model.onnx'), 'x')],
    [
      'that misses its golden vectors',
      async () => {
        const manifest = await writeTinyBundle(join(folder, 'face'), { scope: 'face-forgery' });
        const golden = [{ ...manifest.golden[0]!, probability: 0.9 }];
        await writeFile(join(folder, 'face/manifest.json'), JSON.stringify({ ...manifest, golden }));
      },
    ],
  ])('leaves the jobs of a bundle %s to a worker that has it', async (_what, spoil) => {
    await spoil();
    await start();
    const merged = jobOf('merge-verdict');
    const payload = await submit(plain);
    await until(async () => (await partialOf(payload, 'distildire')) !== null);
    // Closing waits for what is underway.
    await service!.close();
    expect(await partialOf(payload, 'sbi')).toBeNull();

    await writeTinyBundle(join(folder, 'face'), { scope: 'face-forgery' });
    await start();
    await merged;
    expect(await partialOf(payload, 'sbi')).toMatchObject({ status: 'completed' });
  });

  it('answers model_unavailable, without a preparer, where an operator has put PyTorch files', async () => {
    const checkpoint = join(folder, 'weights.pth');
    await writeFile(checkpoint, 'x');
    const openPreparer = () => Promise.reject(new Error('none is needed'));
    await start({ MODEL_SBI_PATH: checkpoint, MODEL_DISTILDIRE_PATH: checkpoint }, { openPreparer });
    const merged = jobOf('merge-verdict');
    const payload = await submit(plain);
    await merged;
    for (const slot of ['sbi', 'distildire'] as const) {
      expect(await partialOf(payload, slot)).toMatchObject({
        status: 'skipped',
        reason: 'model_unavailable',
        detail: expect.stringContaining('PyTorch'),
        detector: null,
      });
    }
  });

  it('leaves the first partial of a slot as it is, without a look at the image', async () => {
    await start({ WORKER_SLOTS: 'sbi' });
    const merged = jobOf('merge-verdict');
    const payload = await submit(plain, ['sbi'], async (ref) => {
      const first = {
        ...ref,
        v: 1,
        slot: 'sbi',
        status: 'completed',
        reason: null,
        detail: null,
        detector: null,
      } as const;
      const rest = { score: 0.123, scored_regions: 1, faces: [], image: null, caveats: [], timings_ms: null };
      const partial = { ...first, ...rest, created_at: new Date(0).toISOString() };
      await createJson(store, partialKey(ref, 'sbi'), DetectorPartial, partial);
    });
    await merged;
    expect(await partialOf(payload, 'sbi')).toMatchObject({ score: 0.123 });
    expect(prepareCount).toBe(0);
  });

  it('tries again after the store failed instead of answering', async () => {
    let failures = 0;
    const openStore = async (settings: ObjectStoreSettings): Promise<ObjectStore> => {
      const real = await openObjectStore(settings);
      return {
        ...real,
        create: (key, body) => (failures++ === 0 ? Promise.reject(new Error('disk full')) : real.create(key, body)),
      };
    };
    await start({ WORKER_SLOTS: 'sbi' }, { openStore });
    const merged = jobOf('merge-verdict');
    const payload = await submit(plain, ['sbi']);
    await merged;
    expect(failures).toBe(2);
    expect(await partialOf(payload, 'sbi')).toMatchObject({ status: 'completed' });
  });

  it('starts the grace of the LLM when the last detector has answered', async () => {
    await start({ LLM_GRACE_MS: '1' });
    const finalise = jobOf('finalise-detection');
    const payload = await submit(plain, ['sbi', 'distildire', 'llm']);
    expect(await finalise).toEqual(payload);
  });

  it('ends the process when the device hangs', async () => {
    await writeTinyBundle(join(folder, 'face'), { scope: 'face-forgery', sidePx: 512 });
    const ended = new Promise<void>((resolve) => {
      void start({ RUN_TIMEOUT_MS: '1', MAX_BATCH: '16', WORKER_SLOTS: 'sbi' }, { endProcess: resolve }).then(() =>
        submit({ grey: 1, faces: Array.from({ length: 16 }, () => ({ grey: 9, sidePx: 90, score: 0.9 })) }, ['sbi']),
      );
    });
    await expect(ended).resolves.toBeUndefined();
  });

  it('does not start on a GPU that is not there', async () => {
    await expect(start({ EXECUTION_PROVIDER: 'cuda', DEVICE_ID: '63' })).rejects.toThrow('cuda');
  });
});
