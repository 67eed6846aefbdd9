import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { newDetectionId } from '@touchstone/shared/contracts/detection-id';
import { Partial as DetectorPartial } from '@touchstone/shared/contracts/partial';
import { RequestRecord } from '@touchstone/shared/contracts/request-record';
import { createLogger } from '@touchstone/shared/observe/logger';
import type { RevisionPayload } from '@touchstone/shared/queue/catalog';
import { openDirectoryObjectStore } from '@touchstone/shared/storage/directory-object-store';
import { createJson, readJson } from '@touchstone/shared/storage/json-object';
import { erasedKey, partialKey, requestKey, uploadKey } from '@touchstone/shared/storage/keys';
import type { ObjectStore } from '@touchstone/shared/storage/object-store';
import { StoreError } from '@touchstone/shared/storage/slot-objects';
import { createDetectionObjects } from './adapters/detection-objects.ts';
import { createDetectorMetrics } from './adapters/detector-metrics.ts';
import { openPreparedImageCache, type PreparedImageCache } from './adapters/prepared-image-cache.ts';
import type { Detector } from './core/build-partial.ts';
import { createDetectImage } from './detect-image.ts';

const detector: Detector = {
  state: 'ready',
  slot: 'distildire',
  manifest: {
    scope: 'whole-image',
    aggregate: 'max',
    preparation: [{ op: 'centre-crop', size: 8, enlarge: 'pil-bilinear-u8' }],
  },
  identity: { id: 'tiny', version: '1.0.0', weights_sha256: 'ab', provider: 'cpu' },
  warmMs: 1,
};

describe('one detector job', () => {
  let folder: string;
  let store: ObjectStore;
  let payload: RevisionPayload;
  let finalised: RevisionPayload[];
  let images: PreparedImageCache;
  let infer: () => Promise<Float32Array>;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'detect-'));
    store = await openDirectoryObjectStore(folder);
    payload = { tenant: 'default', id: newDetectionId(Date.now()), revision: 1, slots: ['distildire', 'llm'] };
    finalised = [];
    infer = async () => Float32Array.of(0.5);
    images = openPreparedImageCache(
      {
        prepare: async () => ({
          width: 30,
          height: 20,
          faces: [],
          inputs: [{ slot: 'distildire', count: 1, data: new Uint8Array(192), faceIndexes: [], caveats: [] }],
          elapsedMs: 1,
        }),
      },
      { maxAgeMs: 60_000, maxBytes: 1_000 },
    );
  });
  afterEach(async () => {
    images.close();
    await store.close();
    await rm(folder, { recursive: true });
  });

  const accept = async () => {
    const { tenant, id, slots } = payload;
    await store.create(uploadKey(tenant, id), Buffer.from('pixels'));
    await createJson(store, requestKey(tenant, id), RequestRecord, {
      v: 1,
      id,
      tenant,
      accepted_at: new Date().toISOString(),
      image: {
        sha256: 'a'.repeat(64),
        media_type: 'image/png',
        declared_media_type: null,
        bytes: 6,
        width: 30,
        height: 20,
      },
      options: { external_id: null, detectors: slots, operating_point: null },
      slots,
      priority: 10,
    });
  };
  const run = (on: ObjectStore = store, isLastAttempt = false) =>
    createDetectImage({
      detectors: new Map([['distildire', detector]]),
      objects: createDetectionObjects(on),
      images,
      queue: {
        infer: async () => ({ scores: await infer(), batchWaitMs: 2, inferMs: 3, deviceMs: 1.5, batchSize: 1 }),
      },
      addFinalise: async (about) => void finalised.push(about),
      metrics: createDetectorMetrics(new Registry()),
      logger: createLogger('test', 'silent'),
      nowMs: Date.now,
    })('distildire', payload, { jobId: 'j', attempt: 1, isLastAttempt, waitedMs: 7 });
  const stored = () => readJson(store, partialKey(payload, 'distildire'), DetectorPartial);

  it('stores the score with where its time went, and starts the grace of the LLM', async () => {
    await accept();
    await run();
    expect(await stored()).toMatchObject({
      status: 'completed',
      score: 0.5,
      scored_regions: 1,
      image: { width: 30, height: 20 },
      detector: detector.identity,
      timings_ms: { queue: 7, batch_wait: 2, infer: 3 },
      cost: { gpu_ms: 1.5, llm_tokens_in: 0, usd: 0 },
    });
    expect(finalised).toEqual([payload]);
  });

  it('starts the grace also when an earlier run died after its answer, and keeps that answer', async () => {
    await accept();
    await run();
    infer = async () => Float32Array.of(0.9);
    await run();
    expect(await stored()).toMatchObject({ score: 0.5 });
    expect(finalised).toHaveLength(2);
  });

  it('does not wait for an LLM that has answered', async () => {
    await accept();
    await run();
    const answer = await stored();
    await createJson(store, partialKey(payload, 'llm'), DetectorPartial, { ...answer!, slot: 'llm' });
    await run();
    expect(finalised).toHaveLength(1);
  });

  it('tries again while the request or the upload is not there, even at the last attempt', async () => {
    await expect(run(store, true)).rejects.toThrow('the object store has no request record');
    await accept();
    await store.delete(uploadKey(payload.tenant, payload.id));
    await expect(run(store, true)).rejects.toThrow('the object store has no upload');
    expect(await stored()).toBeNull();
  });

  it('never turns a failure of the store into an answer', async () => {
    await accept();
    const failing: ObjectStore = { ...store, create: () => Promise.reject(new Error('disk full')) };
    await expect(run(failing, true)).rejects.toThrow(StoreError);
    expect(await stored()).toBeNull();
  });

  it('repeats a failure of the device, and answers runtime_error at the last attempt', async () => {
    await accept();
    infer = () => Promise.reject(new Error('CUDA error 700 at secret/place'));
    await expect(run()).rejects.toThrow('CUDA error');
    expect(await stored()).toBeNull();
    await run(store, true);
    const partial = await stored();
    expect(partial).toMatchObject({ status: 'failed', reason: 'runtime_error', score: null });
    expect(partial?.detail).not.toContain('CUDA');
  });

  it('does nothing for an erased detection', async () => {
    await accept();
    await store.create(erasedKey(payload.tenant, payload.id), Buffer.from('{}'));
    await run();
    expect(await stored()).toBeNull();
    expect(finalised).toEqual([]);
  });

  it('takes its answer back when the detection is erased while it answers', async () => {
    await accept();
    const erasedMeanwhile: ObjectStore = {
      ...store,
      async create(key, body) {
        await store.create(erasedKey(payload.tenant, payload.id), Buffer.from('{}'));
        return await store.create(key, body);
      },
    };
    await run(erasedMeanwhile);
    expect(await stored()).toBeNull();
    expect(finalised).toEqual([]);
  });

  it('gives a store that does not answer up after its deadline', async () => {
    const hanging: ObjectStore = { ...store, head: () => new Promise(() => undefined) };
    await expect(createDetectionObjects(hanging, 5).isErased(payload)).rejects.toThrow(StoreError);
  });
});
