import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newDetectionId } from '@touchstone/shared/contracts/detection-id';
import { Partial as DetectorPartial } from '@touchstone/shared/contracts/partial';
import { PendingMarker, RequestRecord } from '@touchstone/shared/contracts/request-record';
import { VerdictRecord } from '@touchstone/shared/contracts/verdict-record';
import type { CnnSlot, Slot } from '@touchstone/shared/contracts/vocabulary';
import type { Callback } from '@touchstone/shared/contracts/webhook';
import { createLogger } from '@touchstone/shared/observe/logger';
import type { Service } from '@touchstone/shared/process/run-service';
import { catalog, queueOfSlot } from '@touchstone/shared/queue/catalog';
import { openDetectionJobs, type DetectionJobs } from '@touchstone/shared/queue/detection-jobs';
import { openJobWorker, type JobEvents, type JobWorker } from '@touchstone/shared/queue/job-worker';
import { readPendingCounts } from '@touchstone/shared/queue/pending-counts';
import { closeRedis, CONSUMER_OPTIONS, openRedis } from '@touchstone/shared/queue/redis-connection';
import { listenForVerdicts, type VerdictSignals } from '@touchstone/shared/queue/verdict-signal';
import { openDirectoryObjectStore } from '@touchstone/shared/storage/directory-object-store';
import { createJson, readJson } from '@touchstone/shared/storage/json-object';
import {
  erasedKey,
  partialKey,
  pendingKey,
  requestKey,
  undeliveredKey,
  verdictKey,
  type RevisionRef,
} from '@touchstone/shared/storage/keys';
import type { ObjectStore } from '@touchstone/shared/storage/object-store';
import { partialOf, requestOf } from '../../../packages/fusion/tests/fusion-fixtures.ts';
import { createDetectionRecords } from '../src/adapters/detection-records.ts';
import { loadConfig } from '../src/config.ts';
import { createRests } from '../src/core/rests.ts';
import { finaliseDetection } from '../src/finalise-detection.ts';
import { startService } from '../src/service.ts';
import { openReceiver } from './webhook-receiver.ts';
import { createSweeper, type SweepClocks } from '../src/sweep-pending.ts';

const ignore = () => undefined;
const quiet: JobEvents = { onFailed: ignore, onStalled: ignore, onError: ignore };
/** Sweeps at once and often; the real clocks only make the tests long. */
const EAGER: SweepClocks = {
  minAgeMs: 0,
  coolDownMs: 200,
  closeLookMs: 100,
  closeLooksLimitMs: 2_000,
  llmGraceMs: 20_000,
};
const DAY_MS = 86_400_000;
const nothing = async () => undefined;
/** Nobody waits for what is finalised, and Redis holds nothing of it. */
const DEAF = { announce: nothing, enqueueDelivery: nothing, dropDeadline: nothing };

describe('the aggregator', () => {
  let dataDir: string;
  let store: ObjectStore;
  let redis: Redis;
  let subscriber: Redis;
  let jobs: DetectionJobs;
  let signals: VerdictSignals;
  let env: NodeJS.ProcessEnv;
  let prefix: string;
  let services: Service[];
  let workers: JobWorker[];

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'aggregator-'));
    prefix = `test-${randomUUID().slice(0, 8)}`;
    env = {
      REDIS_URL: process.env['TEST_REDIS_URL'],
      QUEUE_PREFIX: prefix,
      DATA_DIR: dataDir,
      LOG_LEVEL: 'silent',
      SWEEP_INTERVAL_MS: '100',
    };
    store = await openDirectoryObjectStore(join(dataDir, 'objects'));
    redis = openRedis(env['REDIS_URL']!, CONSUMER_OPTIONS, ignore);
    subscriber = openRedis(env['REDIS_URL']!, CONSUMER_OPTIONS, ignore);
    jobs = openDetectionJobs(redis, prefix, ignore);
    signals = listenForVerdicts(subscriber, prefix);
    services = [];
    workers = [];
  });
  afterEach(async () => {
    await Promise.all([...workers, ...services].map((part) => part.close()));
    await jobs.close();
    await Promise.all([closeRedis(redis), closeRedis(subscriber)]);
    await rm(dataDir, { recursive: true });
  });

  const start = async (clocks: SweepClocks = EAGER) => {
    services.push(await startService(loadConfig(env), clocks));
  };
  /** Stores what the gateway stores for an accepted detection; nothing is enqueued. */
  const accept = async (
    slots: Slot[] = ['sbi', 'distildire'],
    callback?: Callback,
  ): Promise<RevisionRef & { slots: Slot[] }> => {
    const id = newDetectionId(Date.now());
    const ref = { tenant: 'default', id, revision: 1 };
    const options = { external_id: null, detectors: slots, operating_point: null };
    const request = requestOf({ id, slots, options, ...(callback === undefined ? {} : { callback }) });
    await createJson(store, requestKey('default', id), RequestRecord, request);
    await createJson(store, pendingKey(ref), PendingMarker, ref);
    return { ...ref, slots };
  };
  const storePartial = (ref: RevisionRef, slot: Slot, score: number | null, more = {}) =>
    createJson(store, partialKey(ref, slot), DetectorPartial, {
      ...partialOf(slot, score, { created_at: new Date().toISOString(), ...more }),
      id: ref.id,
    });
  /** A stand-in for the gpu-worker that answers with this score. */
  const answer = (slot: CnnSlot, score: number) => {
    const options = { connection: redis, prefix, concurrency: 4, events: quiet };
    const worker = openJobWorker(queueOfSlot[slot], options, async (payload) => {
      await storePartial(payload, slot, score);
      return {};
    });
    workers.push(worker);
    worker.start();
  };
  const verdictOf = async (ref: RevisionRef): Promise<VerdictRecord> => {
    const deadline = AbortSignal.timeout(15_000);
    for (;;) {
      const stored = await readJson(store, verdictKey(ref), VerdictRecord);
      if (stored !== null) return stored;
      if (deadline.aborted) throw new Error('no verdict in time');
      await signals.wait(ref.id, AbortSignal.any([deadline, AbortSignal.timeout(100)]));
    }
  };
  const settled = async (ref: RevisionRef) => {
    while ((await store.head(pendingKey(ref))) !== null) await redis.ping();
  };

  it('merges the answers of all detectors into one verdict, and takes the marker away last', async () => {
    await start({ ...EAGER, minAgeMs: DAY_MS });
    const ref = await accept();
    answer('sbi', 0.98);
    answer('distildire', 0.97);
    await jobs.addFlow(ref, 10);
    expect(await verdictOf(ref)).toMatchObject({ verdict: 'manipulated', status: 'completed' });
    await settled(ref);
    expect(await store.list(`verdicts/default/${ref.id}/`, null, 10)).toHaveLength(1);
  });

  it('brings a detection to its verdict that was never enqueued', async () => {
    answer('sbi', 0.02);
    answer('distildire', 0.03);
    const ref = await accept();
    await start();
    expect(await verdictOf(ref)).toMatchObject({ verdict: 'authentic' });
    await settled(ref);
  });

  it('brings every detection to its verdict after Redis has forgotten all of them', async () => {
    const refs = await Promise.all(Array.from({ length: 20 }, () => accept(['distildire'])));
    await Promise.all(refs.map((ref) => jobs.addFlow(ref, 10)));
    const keys = await redis.keys(`${prefix}:*`);
    await redis.del(keys);
    answer('distildire', 0.99);
    await start();
    const verdicts = await Promise.all(refs.map(verdictOf));
    expect(verdicts.map((record) => record.id)).toEqual(refs.map((ref) => ref.id));
  });

  it('runs a detector again whose job failed for good without an answer', async () => {
    const ref = await accept(['distildire']);
    let calls = 0;
    const options = { connection: redis, prefix, concurrency: 1, events: quiet };
    const worker = openJobWorker('detect-distildire', options, async (payload) => {
      calls += 1;
      if (calls > 1) await storePartial(payload, 'distildire', 0.9);
      return {};
    });
    workers.push(worker);
    await jobs.addFlow(ref, 10);
    // All attempts of the merge but the last are over: between them lie seconds.
    await redis.hset(`${prefix}:merge-verdict:${ref.id}-r1`, 'atm', catalog['merge-verdict'].attempts - 1);
    await start();
    worker.start();
    expect(await verdictOf(ref)).toMatchObject({ verdict: 'manipulated' });
    expect(calls).toBeGreaterThan(1);
  });

  it('keeps the first verdict when a second one is decided from other partials', async () => {
    const ref = await accept(['sbi', 'distildire']);
    await storePartial(ref, 'sbi', 0.99);
    await storePartial(ref, 'distildire', 0.99);
    await start();
    const first = await verdictOf(ref);
    await settled(ref);
    await store.delete(partialKey(ref, 'sbi'));
    await storePartial(ref, 'sbi', 0.01);
    await createJson(store, pendingKey(ref), PendingMarker, { tenant: ref.tenant, id: ref.id, revision: 1 });
    await settled(ref);
    expect(await verdictOf(ref)).toEqual(first);
  });

  it('tells the receiver within two seconds of the verdict, and of a webhook that Redis forgot as well', async () => {
    env['WEBHOOK_ALLOW_LOOPBACK'] = '1';
    const receiver = await openReceiver();
    const callback: Callback = { kind: 'once', url: receiver.url };
    // Its verdict came while Redis was away.
    const forgotten = await accept(['sbi'], callback);
    await storePartial(forgotten, 'sbi', 0.99);
    const records = createDetectionRecords(store);
    const deps = { records, calibration: null, ...DEAF, nowMs: Date.now };
    await finaliseDetection(deps, forgotten, { expired: false });
    answer('sbi', 0.98);
    await start();
    const ref = await accept(['sbi'], callback);
    await jobs.addFlow(ref, 10);
    await receiver.has(2);
    const told = receiver.received.map(({ body }) => JSON.parse(body) as { data: { id: string; occurred_at: string } });
    expect(new Set(told.map(({ data }) => data.id))).toEqual(new Set([forgotten.id, ref.id]));
    const message = told.find(({ data }) => data.id === ref.id)!;
    expect(Date.now() - Date.parse(message.data.occurred_at)).toBeLessThan(2_000);
    for (const one of [forgotten, ref]) while ((await store.head(undeliveredKey(one))) !== null) await redis.ping();
    expect(await store.list('undelivered/', null, 10)).toEqual([]);
    await receiver.close();
  });

  it.each(['oweDelivery', 'settle'] as const)(
    'keeps the promise of a webhook when it is killed before %s',
    async (step) => {
      const ref = await accept(['sbi'], { kind: 'once', url: 'https://example.com/hook' });
      await storePartial(ref, 'sbi', 0.99);
      const records = createDetectionRecords(store);
      const deps = { calibration: null, ...DEAF, nowMs: Date.now };
      const dying = { ...records, [step]: () => Promise.reject(new Error('killed')) };
      await expect(finaliseDetection({ ...deps, records: dying }, ref, { expired: false })).rejects.toThrow('killed');
      expect(await store.head(pendingKey(ref))).not.toBeNull();
      await finaliseDetection({ ...deps, records }, ref, { expired: false });
      expect([await store.head(pendingKey(ref)), await records.owesDelivery(ref)]).toEqual([null, true]);
      // A merge job that comes late owes nothing more.
      await records.settleDelivery(ref);
      await finaliseDetection({ ...deps, records }, ref, { expired: false });
      expect(await records.owesDelivery(ref)).toBe(false);
    },
  );

  it('gives all aggregators the verdict that was stored first when they race for it', async () => {
    const ref = await accept(['distildire']);
    await storePartial(ref, 'distildire', 0.99);
    const records = createDetectionRecords(store);
    const finaliseAt = (nowMs: number) =>
      finaliseDetection(
        {
          records,
          calibration: null,
          ...DEAF,
          nowMs: () => nowMs,
        },
        ref,
        { expired: false },
      );
    // Racers that differ, so that an overwrite would show.
    const answers = await Promise.all(Array.from({ length: 10 }, (_, i) => finaliseAt(1_000 * i)));
    const stored = await verdictOf(ref);
    expect(answers.map((answer) => answer?.verdict)).toEqual(answers.map(() => stored));
    expect(answers.filter((answer) => answer?.isNew)).toHaveLength(1);
  });

  it('restarts what Redis lost although hundreds of others are underway, and survives a record that cannot be read', async () => {
    const waiting = await Promise.all(Array.from({ length: 300 }, () => accept(['sbi'])));
    await Promise.all(waiting.map((ref) => jobs.addFlow(ref, 10)));
    const broken = { tenant: 'default', id: newDetectionId(Date.now()), revision: 1 };
    await store.create(requestKey('default', broken.id), Buffer.from('{'));
    await createJson(store, pendingKey(broken), PendingMarker, broken);
    const lost = await accept(['distildire']);
    answer('distildire', 0.99);
    await start();
    expect(await verdictOf(lost)).toMatchObject({ verdict: 'manipulated' });
  });

  it('enqueues again at once, after Redis came back, what it had enqueued just before', async () => {
    const rests = createRests(() => performance.now());
    const sweep = createSweeper({
      store,
      records: createDetectionRecords(store),
      jobs,
      finalise: async () => undefined,
      onAction: ignore,
      logger: createLogger('aggregator', 'silent'),
      clocks: { ...EAGER, coolDownMs: DAY_MS },
      rests,
      nowMs: Date.now,
      uptimeMs: () => performance.now(),
    });
    const ref = await accept();
    const forget = () => jobs.removeAll({ id: ref.id, revisions: [1], receivers: [] }, { force: true });
    await sweep(async () => true);
    expect(await jobs.flowStates([ref])).toEqual(['underway']);
    await forget();
    await sweep(async () => true);
    expect(await jobs.flowStates([ref])).toEqual(['missing']);
    rests.clear();
    await sweep(async () => true);
    expect(await jobs.flowStates([ref])).toEqual(['underway']);
  });

  it('is not held up by a clock that was set back', async () => {
    const ref = await accept(['distildire']);
    const tomorrow = new Date(Date.now() + DAY_MS);
    await utimes(join(dataDir, 'objects', pendingKey(ref)), tomorrow, tomorrow);
    answer('distildire', 0.99);
    await start();
    expect(await verdictOf(ref)).toMatchObject({ verdict: 'manipulated' });
  });

  it('leaves a detection queued as long as no detector has answered', async () => {
    await start();
    const ref = await accept();
    await jobs.addFlow(ref, 10);
    const other = await accept(['distildire']);
    await storePartial(other, 'distildire', 0.5);
    await verdictOf(other); // the sweeper has been round
    expect(await store.head(verdictKey(ref))).toBeNull();
    expect(await store.head(pendingKey(ref))).not.toBeNull();
  });

  it('waits for the LLM during its grace and not longer', async () => {
    env['LLM_GRACE_MS'] = '700';
    const ref = await accept(['distildire', 'llm']);
    await jobs.addFlow(ref, 10);
    await start({ ...EAGER, llmGraceMs: 700 });
    answer('distildire', 0.02);
    const before = Date.now();
    const verdict = await verdictOf(ref);
    expect(Date.now() - before).toBeGreaterThan(600);
    expect(verdict.degraded).toEqual([{ detector: 'llm', reason: 'deadline' }]);
  });

  it('ends the wait for the LLM by its own job, without the sweeper', async () => {
    await start({ ...EAGER, minAgeMs: DAY_MS });
    const ref = await accept(['distildire', 'llm']);
    await storePartial(ref, 'distildire', 0.02);
    await jobs.addFinalise(ref, 50);
    expect(await verdictOf(ref)).toMatchObject({ verdict: 'authentic' });
  });

  it('takes back the job that would end the wait for the LLM, once it has answered', async () => {
    const ref = await accept(['distildire', 'llm']);
    await jobs.addFinalise(ref, DAY_MS);
    const name = `${prefix}:finalise-detection:${ref.id}-r1-finalise`;
    expect(await redis.exists(name)).toBe(1);
    await storePartial(ref, 'distildire', 0.99);
    await storePartial(ref, 'llm', 0.9);
    await start();
    await settled(ref);
    while ((await redis.exists(name)) === 1) await redis.ping();
  });

  it('ends a detection after a day without detectors', async () => {
    const ref = await accept();
    const yesterday = new Date(Date.now() - DAY_MS - 60_000);
    await utimes(join(dataDir, 'objects', pendingKey(ref)), yesterday, yesterday);
    await start();
    expect(await verdictOf(ref)).toMatchObject({ status: 'expired', verdict: 'unable_to_evaluate' });
  });

  it('leaves nothing of a detection that was erased', async () => {
    const ref = await accept(['distildire']);
    await storePartial(ref, 'distildire', 0.99);
    await store.create(erasedKey(ref.tenant, ref.id), new Uint8Array(0));
    await start();
    await settled(ref);
    expect(await store.head(verdictKey(ref))).toBeNull();
  });

  it('counts what is pending by tenant, for the door', async () => {
    env['SWEEP_INTERVAL_MS'] = '20';
    for (let i = 0; i < 3; i++) await accept();
    await start({ ...EAGER, minAgeMs: DAY_MS });
    const counts = async () => (await readPendingCounts(redis, prefix))?.by_tenant;
    while ((await counts()) === undefined) await redis.ping();
    expect(await counts()).toEqual({ default: 3 });
    const [marker] = await store.list('pending/', null, 1);
    await store.delete(marker!.key);
    while ((await counts())?.['default'] !== 2) await redis.ping();
  });

  it('tells that it is alive and ready', async () => {
    await start();
    const { metrics } = services[0]!.addresses;
    expect((await fetch(`${metrics}/livez`)).status).toBe(200);
    // Ready means connected to Redis, which may come a moment after the start.
    while ((await fetch(`${metrics}/readyz`)).status !== 200) await redis.ping();
    expect(await (await fetch(`${metrics}/metrics`)).text()).toContain('touchstone_pending_detections');
  });
});
