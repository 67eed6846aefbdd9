import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { randomUUID } from 'node:crypto';
import { newDetectionId } from '../src/contracts/detection-id.ts';
import { openDetectionJobs, type DetectionJobs } from '../src/queue/detection-jobs.ts';
import { openJobWorker } from '../src/queue/job-worker.ts';
import { publishPendingCounts, readPendingCounts } from '../src/queue/pending-counts.ts';
import { readQueueLoads } from '../src/queue/queue-load.ts';
import { closeRedis, CONSUMER_OPTIONS, openRedis } from '../src/queue/redis-connection.ts';

const ignore = () => undefined;
const prefix = `test-${randomUUID().slice(0, 8)}`;
let redis: Redis;
let jobs: DetectionJobs;
beforeAll(() => {
  redis = openRedis(process.env['TEST_REDIS_URL']!, CONSUMER_OPTIONS, ignore);
  jobs = openDetectionJobs(redis, prefix, ignore);
});
afterAll(async () => {
  await jobs.close();
  await closeRedis(redis);
});
const add = (priority: number) =>
  jobs.addFlow({ tenant: 'acme', id: newDetectionId(Date.now()), revision: 1, slots: ['sbi'] }, priority);
const load = async (aheadMs = 0) =>
  (await readQueueLoads(redis, prefix, ['detect-sbi', 'detect-distildire'], Date.now() + aheadMs))[0]!;

it('tells what waits, what is worked on and what was completed', async () => {
  expect(await load()).toEqual({
    waiting: { first: 0, all: 0 },
    oldestAgeMs: { first: 0, all: 0 },
    active: 0,
    completed: [0, 0],
  });
  for (const priority of [10, 10, 1]) await add(priority);
  const waiting = await load(5_000);
  expect(waiting.waiting).toEqual({ first: 1, all: 3 });
  expect(waiting.oldestAgeMs.first).toBeGreaterThanOrEqual(5_000);
  expect(waiting.oldestAgeMs.all).toBeGreaterThanOrEqual(waiting.oldestAgeMs.first);

  let end = ignore as () => void;
  const held = new Promise<void>((resolve) => (end = resolve));
  const events = { onFailed: ignore, onStalled: ignore, onError: ignore };
  let taken = 0;
  const worker = openJobWorker('detect-sbi', { connection: redis, prefix, concurrency: 1, events }, async () => {
    if (++taken === 3) await held;
    return {};
  });
  worker.start();
  const deadline = AbortSignal.timeout(10_000);
  while (taken < 3) {
    deadline.throwIfAborted();
    await redis.ping();
  }
  expect(await load()).toMatchObject({ waiting: { first: 0, all: 0 }, active: 1, completed: [2, 2] });
  expect(await load(30_000)).toMatchObject({ completed: [2, 0] });
  end();
  await worker.close();
});

it('gives back the counts of pending detections, until they are too old to mean anything', async () => {
  expect(await readPendingCounts(redis, prefix)).toBeNull();
  const counts = { since_ms: 1_764_000_000_000, by_tenant: { acme: 3 } };
  await publishPendingCounts(redis, prefix, counts);
  expect(await readPendingCounts(redis, prefix)).toEqual(counts);
  const ttlMs = await redis.pttl(`${prefix}:pending-counts`);
  expect([ttlMs > 0, ttlMs <= 60_000]).toEqual([true, true]);
});
