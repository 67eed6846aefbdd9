import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { randomUUID } from 'node:crypto';
import { newDetectionId } from '../src/contracts/detection-id.ts';
import { logJobEvents } from '../src/observe/job-logging.ts';
import { createLogger } from '../src/observe/logger.ts';
import { createProcessMetrics } from '../src/observe/process-metrics.ts';
import { openBoardQueues, type BoardQueues } from '../src/queue/board-queues.ts';
import { QUEUE_NAMES, type QueueName, type RevisionPayload } from '../src/queue/catalog.ts';
import { openDetectionJobs, type DetectionJobs } from '../src/queue/detection-jobs.ts';
import { openJobWorker } from '../src/queue/job-worker.ts';
import { closeRedis, CONSUMER_OPTIONS, FAIL_FAST_OPTIONS, openRedis } from '../src/queue/redis-connection.ts';

const url = process.env['TEST_REDIS_URL'] ?? '';
const ignore = () => undefined;

describe('what operators see of the queues', () => {
  let redis: Redis;
  let prefix: string;
  let jobs: DetectionJobs;
  let board: BoardQueues;
  let closeWorker: () => Promise<void>;
  beforeEach(() => {
    redis = openRedis(url, CONSUMER_OPTIONS, ignore);
    prefix = `test-${randomUUID().slice(0, 8)}`;
    jobs = openDetectionJobs(redis, prefix, ignore);
    board = openBoardQueues(redis, prefix, ignore);
  });
  afterEach(async () => {
    await board.close();
    await jobs.close();
    await closeRedis(redis);
  });

  const payloadOf = (): RevisionPayload => ({
    tenant: 'default',
    id: newDetectionId(Date.now()),
    revision: 1,
    slots: ['sbi'],
  });
  const jobKey = (queue: QueueName, jobId: string) => `${prefix}:${queue}:${jobId}`;
  const measure = async (queue: QueueName, nowMs = Date.now()) =>
    (await board.measure(nowMs)).find((each) => each.queue === queue)!;

  it('is every queue, with zeros while nothing was ever added', async () => {
    const measures = await board.measure(Date.now());
    expect(measures.map(({ queue }) => queue)).toEqual(QUEUE_NAMES);
    for (const { depth, oldestAgeMs } of measures) {
      expect(new Set([...Object.values(depth), ...Object.values(oldestAgeMs)])).toEqual(new Set([0]));
    }
  });

  it('is the oldest of all priorities, although the urgent one is taken first', async () => {
    const [slow, urgent] = [payloadOf(), payloadOf()];
    await jobs.addFlow(slow, 10);
    await jobs.addFlow(urgent, 1);
    const now = Date.now();
    await redis.hset(jobKey('detect-sbi', `${slow.id}-r1-sbi`), 'timestamp', now - 60_000);
    await redis.hset(jobKey('detect-sbi', `${urgent.id}-r1-sbi`), 'timestamp', now - 5_000);
    await redis.hset(jobKey('merge-verdict', `${slow.id}-r1`), 'timestamp', now - 61_000);
    expect(await measure('detect-sbi', now)).toMatchObject({
      depth: { prioritized: 2, waiting: 0 },
      oldestAgeMs: { prioritized: 60_000, waiting: 0 },
    });
    expect(await measure('merge-verdict', now)).toMatchObject({
      depth: { 'waiting-children': 2 },
      oldestAgeMs: { 'waiting-children': 61_000 },
    });
    await redis.hset(jobKey('detect-sbi', `${urgent.id}-r1-sbi`), 'timestamp', now - 90_000);
    expect((await measure('detect-sbi', now)).oldestAgeMs.prioritized).toBe(90_000);
  });

  it('is what waits for its time, what is at work and what has failed', async () => {
    const payload = payloadOf();
    await jobs.addFinalise(payload, 60_000);
    expect((await measure('finalise-detection')).depth).toMatchObject({ delayed: 1 });
    let fail: (error: Error) => void = ignore;
    const taken = new Promise<void>((resolve) => {
      const events = { onFailed: ignore, onStalled: ignore, onError: ignore };
      const options = { connection: redis, prefix, concurrency: 1, events };
      const worker = openJobWorker('detect-sbi', options, () => {
        resolve();
        return new Promise((_resolve, reject) => (fail = reject));
      });
      worker.start();
      closeWorker = () => worker.close();
    });
    await jobs.addFlow(payload, 10);
    await taken;
    const now = Date.now();
    const active = await measure('detect-sbi', now + 7_000);
    expect(active.depth).toMatchObject({ active: 1, prioritized: 0 });
    expect(active.oldestAgeMs.active).toBeGreaterThanOrEqual(7_000);
    fail(new Error('x'));
    await closeWorker();
    // The next try is due later.
    expect((await measure('detect-sbi')).depth).toMatchObject({ active: 0, delayed: 1 });
  });

  it('counts a job whose lock was gone when it should have been renewed, and says it once', async () => {
    const { registry, jobFailures } = createProcessMetrics('test');
    const logged = logJobEvents(createLogger('test', 'silent'), jobFailures);
    const errors: string[] = [];
    const payload = payloadOf();
    let finish: () => void = ignore;
    const lost = new Promise<void>((resolve) => {
      const events = {
        ...logged,
        onError: (_queue: QueueName, error: Error) => void errors.push(error.message),
        onLocksLost: (queue: QueueName, jobIds: string[]) => {
          logged.onLocksLost!(queue, jobIds);
          resolve();
        },
      };
      // Half of it later the lock is renewed.
      const options = { connection: redis, prefix, concurrency: 1, events, lockDurationMs: 200 };
      const worker = openJobWorker('detect-sbi', options, async () => {
        await redis.del(jobKey('detect-sbi', `${payload.id}-r1-sbi:lock`));
        await new Promise<void>((end) => (finish = end));
        return {};
      });
      closeWorker = () => worker.close();
      worker.start();
    });
    const series = 'touchstone_lock_renewal_failures_total{queue="detect-sbi",service="test"}';
    expect(await registry.metrics()).toContain(`${series} 0`);
    await jobs.addFlow(payload, 10);
    await lost;
    expect(await registry.metrics()).toContain(`${series} 1`);
    expect(errors.filter((message) => message.startsWith('could not renew'))).toEqual([]);
    finish();
    await closeWorker();
  });

  it('is a refusal while Redis is away', async () => {
    const nowhere = openRedis('redis://127.0.0.1:1', FAIL_FAST_OPTIONS, ignore);
    const alone = openBoardQueues(nowhere, prefix, ignore);
    await expect(alone.measure(Date.now())).rejects.toThrow(/writeable|closed/i);
    nowhere.disconnect();
    await alone.close().catch(ignore);
  });
});
