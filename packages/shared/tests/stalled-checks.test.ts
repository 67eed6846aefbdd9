import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { Queue, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { randomUUID } from 'node:crypto';
import { openStalledChecks } from '../src/queue/stalled-checks.ts';
import { closeRedis, CONSUMER_OPTIONS, openRedis } from '../src/queue/redis-connection.ts';

const url = process.env['TEST_REDIS_URL'] ?? '';
const ignore = () => undefined;
const LOCK_MS = 200;

let redis: Redis;
let prefix: string;
let open: { close(): Promise<unknown> }[];

beforeEach(() => {
  redis = openRedis(url, CONSUMER_OPTIONS, ignore);
  prefix = `test-${randomUUID().slice(0, 8)}`;
  open = [];
});
afterEach(async () => {
  for (const part of open) await part.close();
  await closeRedis(redis);
});

/** Holds a job of `detect-sbi` like a worker that died with it: the lock is never renewed. */
async function takeAndDie(): Promise<Queue> {
  const queue = new Queue('detect-sbi', { connection: redis, prefix });
  const worker = new Worker('detect-sbi', null, { connection: redis, prefix, autorun: false, lockDuration: LOCK_MS });
  open.push(queue, { close: () => worker.close(true) });
  await queue.add('detect-sbi', {}, { jobId: 'held' });
  await worker.getNextJob('token-of-the-dead');
  expect(await queue.getActiveCount()).toBe(1);
  return queue;
}

it('gives the job of a dead worker back, although no other consumes its queue', async () => {
  const queue = await takeAndDie();
  const stalled = new Promise<string>((resolve, reject) => {
    const events = {
      onStalled: (name: string, jobId: string) => resolve(`${name} ${jobId}`),
      onError: (_: string, error: Error) => reject(error),
    };
    open.unshift(openStalledChecks(['detect-sbi'], { connection: redis, prefix, events, stalledIntervalMs: 100 }));
  });
  expect(await stalled).toBe('detect-sbi held');
  expect(await queue.getJobCounts('active', 'waiting')).toEqual({ active: 0, waiting: 1 });
});

it('closes at once while Redis does not answer', async () => {
  const away = openRedis('redis://127.0.0.1:1', CONSUMER_OPTIONS, ignore);
  const checks = openStalledChecks(['detect-sbi', 'judge-image'], {
    connection: away,
    prefix,
    events: { onStalled: ignore, onError: ignore },
  });
  const startMs = performance.now();
  await checks.close();
  expect(performance.now() - startMs).toBeLessThan(3_000);
  await closeRedis(away);
});
