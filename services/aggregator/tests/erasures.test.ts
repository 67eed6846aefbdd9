import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newDetectionId } from '@touchstone/shared/contracts/detection-id';
import { ErasingMarker } from '@touchstone/shared/contracts/erasure';
import { Partial as DetectorPartial } from '@touchstone/shared/contracts/partial';
import { PendingMarker, RequestRecord } from '@touchstone/shared/contracts/request-record';
import { openDetectionJobs, type DetectionJobs } from '@touchstone/shared/queue/detection-jobs';
import { answerCacheKey, createForgetDetection } from '@touchstone/shared/queue/forget-detection';
import { closeRedis, CONSUMER_OPTIONS, openRedis } from '@touchstone/shared/queue/redis-connection';
import { openDirectoryObjectStore } from '@touchstone/shared/storage/directory-object-store';
import { eraseDetection } from '@touchstone/shared/storage/erase-detection';
import { createJson } from '@touchstone/shared/storage/json-object';
import {
  erasedKey,
  erasingKey,
  indexKey,
  partialKey,
  pendingKey,
  requestKey,
  uploadKey,
  type RevisionRef,
} from '@touchstone/shared/storage/keys';
import type { ObjectStore } from '@touchstone/shared/storage/object-store';
import { partialOf, requestOf } from '../../../packages/fusion/tests/fusion-fixtures.ts';
import { createDetectionRecords, type DetectionRecords } from '../src/adapters/detection-records.ts';
import { loadConfig } from '../src/config.ts';
import { finaliseDetection } from '../src/finalise-detection.ts';
import { startService } from '../src/service.ts';

const ignore = () => undefined;

describe('the aggregator and an erasure', () => {
  let dataDir: string;
  let store: ObjectStore;
  let redis: Redis;
  let jobs: DetectionJobs;
  let prefix: string;
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'erasures-'));
    prefix = `test-${randomUUID().slice(0, 8)}`;
    store = await openDirectoryObjectStore(join(dataDir, 'objects'));
    redis = openRedis(process.env['TEST_REDIS_URL']!, CONSUMER_OPTIONS, ignore);
    jobs = openDetectionJobs(redis, prefix, ignore);
    await redis.ping();
  });
  afterEach(async () => {
    await jobs.close();
    await closeRedis(redis);
    await rm(dataDir, { recursive: true });
  });

  const accept = async (more: Partial<RequestRecord> = {}): Promise<RevisionRef & { slots: ['distildire'] }> => {
    const acceptedMs = Date.now();
    const id = newDetectionId(acceptedMs);
    const ref = { tenant: 'default', id, revision: 1 };
    const slots: ['distildire'] = ['distildire'];
    await store.create(uploadKey('default', id), Buffer.from('image'));
    await createJson(store, requestKey('default', id), RequestRecord, requestOf({ id, slots, ...more }));
    await store.create(indexKey('default', id, acceptedMs), new Uint8Array());
    await createJson(store, pendingKey(ref), PendingMarker, ref);
    return { ...ref, slots };
  };
  const keysOf = async (id: string) =>
    (await store.list('', null, 1_000)).map(({ key }) => key).filter((key) => key.includes(id));
  const answer = (ref: RevisionRef) =>
    createJson(store, partialKey(ref, 'distildire'), DetectorPartial, {
      ...partialOf('distildire', 0.9),
      id: ref.id,
    });
  const erase = (ref: RevisionRef) =>
    eraseDetection({ store, forget: createForgetDetection(redis, prefix, jobs), nowMs: Date.now }, ref);

  it('completes one that was cut short, in the store and in Redis', async () => {
    const ref = await accept();
    await jobs.addFlow(ref, 10);
    await redis.set(answerCacheKey(prefix, ref.tenant, ref.id), 'x');
    const { tenant, id } = ref;
    const marker: ErasingMarker = { v: 1, id, tenant, revisions: [1], idempotency_key_sha256: null };
    await createJson(store, erasingKey(tenant, id), ErasingMarker, marker);
    const env = { REDIS_URL: process.env['TEST_REDIS_URL'], QUEUE_PREFIX: prefix, DATA_DIR: dataDir };
    const config = loadConfig({ ...env, LOG_LEVEL: 'silent', SWEEP_INTERVAL_MS: '50' });
    const service = await startService(config, { minAgeMs: 0 });
    const deadline = AbortSignal.timeout(10_000);
    while ((await store.head(erasingKey(tenant, id))) !== null) deadline.throwIfAborted();
    expect(await keysOf(id)).toEqual([erasedKey(tenant, id)]);
    expect(await redis.keys(`${prefix}:*${id}*`)).toEqual([]);
    await service.close();
  });

  it.each<keyof DetectionRecords>(['request', 'partials', 'keepVerdict', 'oweDelivery', 'settle'])(
    'leaves nothing of a detection that is erased while a verdict is at `%s`',
    async (step) => {
      const ref = await accept({ callback: { kind: 'once', url: 'https://example.org/hook' } });
      await answer(ref);
      const records = createDetectionRecords(store);
      const call = records[step] as (...given: unknown[]) => Promise<unknown>;
      const racing = {
        ...records,
        async [step](...given: unknown[]) {
          const result = await call(...given);
          await erase(ref);
          return result;
        },
      };
      const deps = {
        records: racing,
        calibration: null,
        announce: async () => undefined,
        enqueueDelivery: async () => undefined,
        dropDeadline: async () => undefined,
        nowMs: Date.now,
      };
      // It may find that partials are missing: then its job tries again, and finds the tombstone.
      await finaliseDetection(deps, ref, { expired: false }).catch(ignore);
      expect(await keysOf(ref.id)).toEqual([erasedKey(ref.tenant, ref.id)]);
    },
  );
});
