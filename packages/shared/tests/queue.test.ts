import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { randomUUID } from 'node:crypto';
import { newDetectionId } from '../src/contracts/detection-id.ts';
import { followerJobId, parentJobId, type RevisionPayload } from '../src/queue/catalog.ts';
import { openDetectionJobs, type DetectionJobs } from '../src/queue/detection-jobs.ts';
import { openJobWorker, type JobEvents, type JobWorker } from '../src/queue/job-worker.ts';
import { closeRedis, CONSUMER_OPTIONS, FAIL_FAST_OPTIONS, openRedis } from '../src/queue/redis-connection.ts';
import { RetryLaterError } from '../src/queue/retry-later-error.ts';
import { WORKER_SETTINGS } from '../src/queue/job-settings.ts';
import { listenForVerdicts, signalVerdict } from '../src/queue/verdict-signal.ts';

const url = process.env['TEST_REDIS_URL'] ?? '';
const ignore = () => undefined;

describe('the queues of a detection on a real Redis', () => {
  let redis: Redis;
  let prefix: string;
  let jobs: DetectionJobs;
  let open: { close(): Promise<unknown> }[];

  beforeEach(() => {
    redis = openRedis(url, CONSUMER_OPTIONS, ignore);
    prefix = `test-${randomUUID().slice(0, 8)}`;
    jobs = openDetectionJobs(redis, prefix, ignore);
    open = [jobs];
  });
  afterEach(async () => {
    await Promise.all(open.map((resource) => resource.close()));
    await closeRedis(redis);
  });
  const payloadOf = (): RevisionPayload => ({
    tenant: 'default',
    id: newDetectionId(Date.now()),
    revision: 1,
    slots: ['sbi', 'distildire'],
  });
  const failedJob = () => {
    let tell: (willRetry: boolean) => void = ignore;
    const failed = new Promise<boolean>((resolve) => (tell = resolve));
    const events: JobEvents = {
      onFailed: (_q, _id, _e, willRetry) => tell(willRetry),
      onStalled: ignore,
      onError: ignore,
    };
    return { failed, events };
  };
  const quiet: JobEvents = { onFailed: ignore, onStalled: ignore, onError: ignore };
  const start = (worker: JobWorker) => {
    open.unshift(worker);
    worker.start();
  };

  it('adds one flow for two adds of the same revision', async () => {
    const payload = payloadOf();
    await jobs.addFlow(payload, 10);
    await jobs.addFlow(payload, 10);
    const queue = new Queue('detect-sbi', { connection: redis, prefix });
    open.push(queue);
    expect(await queue.getJobCountByTypes('prioritized', 'waiting')).toBe(1);
    expect((await queue.getJob(followerJobId(payload, 'sbi')))?.data).toEqual(payload);
  });

  it('runs the parent although a child failed for good', async () => {
    const payload = payloadOf();
    const merged = new Promise<string>((resolve) => {
      start(
        openJobWorker('merge-verdict', { connection: redis, prefix, concurrency: 1, events: quiet }, async (p, job) => {
          resolve(`${p.id} ${job.jobId}`);
          return {};
        }),
      );
    });
    start(
      openJobWorker(
        'detect-distildire',
        { connection: redis, prefix, concurrency: 1, events: quiet },
        async () => ({}),
      ),
    );
    const raw = new Queue('detect-sbi', { connection: redis, prefix });
    open.push(raw);
    await jobs.addFlow(payload, 10);
    await (await raw.getJob(followerJobId(payload, 'sbi')))!.updateData({ broken: true } as never);
    start(openJobWorker('detect-sbi', { connection: redis, prefix, concurrency: 1, events: quiet }, async () => ({})));
    expect(await merged).toBe(`${payload.id} ${parentJobId(payload)}`);
  });

  it('fails a malformed payload on its first attempt', async () => {
    const { failed, events } = failedJob();
    const raw = new Queue('detect-sbi', { connection: redis, prefix });
    open.push(raw);
    await raw.add('detect-sbi', { image: 'pixels' }, { attempts: 3 });
    start(openJobWorker('detect-sbi', { connection: redis, prefix, concurrency: 1, events }, async () => ({})));
    expect(await failed).toBe(false);
    expect(await raw.getFailedCount()).toBe(1);
  });

  it('puts a job off as long as its handler says, without costing it an attempt', async () => {
    const attempts: number[] = [];
    const done = new Promise<void>((resolve) => {
      const options = { connection: redis, prefix, concurrency: 1, events: quiet };
      const judge = openJobWorker('judge-image', options, async (_payload, { attempt, waitedMs }) => {
        attempts.push(attempt);
        if (attempts.length < 3) throw new RetryLaterError(40, 'not yet');
        expect(waitedMs).toBeGreaterThanOrEqual(80);
        resolve();
        return {};
      });
      start(judge);
    });
    const merged = new Promise<void>((resolve) => {
      const options = { connection: redis, prefix, concurrency: 1, events: quiet };
      const merge = openJobWorker('merge-verdict', options, async () => {
        resolve();
        return {};
      });
      start(merge);
    });
    await jobs.addFlow({ ...payloadOf(), slots: ['llm'] }, 10);
    await done;
    expect(attempts).toEqual([1, 1, 1]);
    await merged;
  });

  it('refuses to send a payload that does not fit', async () => {
    await expect(jobs.addFlow({ ...payloadOf(), tenant: '../x' }, 10)).rejects.toThrow('not a tenant name');
  });

  it('tells the states of flows in the order of the question, and starts a finished one anew', async () => {
    const [known, unknown, done] = [payloadOf(), payloadOf(), payloadOf()];
    await jobs.addFlow(known, 10);
    await jobs.addFlow({ ...done, slots: ['sbi'] }, 1);
    const merged = new Promise<void>((resolve) => {
      const merge = openJobWorker(
        'merge-verdict',
        {
          connection: redis,
          prefix,
          concurrency: 1,
          events: quiet,
        },
        async () => ({}),
      );
      const raw = new Queue('merge-verdict', { connection: redis, prefix });
      open.push(raw);
      start(merge);
      start(
        openJobWorker('detect-sbi', { connection: redis, prefix, concurrency: 1, events: quiet }, async (p) => {
          if (p.id === done.id) resolve();
          return {};
        }),
      );
    });
    await merged;
    const stateOf = async (payload: RevisionPayload) => (await jobs.flowStates([payload]))[0];
    while ((await stateOf(done)) !== 'completed') await new Promise((resolve) => setImmediate(resolve));
    expect(await jobs.flowStates([known, unknown, done])).toEqual(['underway', 'missing', 'completed']);
    await jobs.removeFinished({ ...done, slots: ['sbi'] });
    expect(await stateOf(done)).toBe('missing');
  });

  it('knows a detection as started once a worker has taken one of its jobs', async () => {
    const payload = payloadOf();
    await jobs.addFlow(payload, 10);
    expect(await jobs.hasStarted(payload)).toBe(false);
    await new Promise<void>((resolve) => {
      start(
        openJobWorker('detect-sbi', { connection: redis, prefix, concurrency: 1, events: quiet }, async () => {
          resolve();
          return {};
        }),
      );
    });
    expect(await jobs.hasStarted(payload)).toBe(true);
  });

  it('wakes who waits for a verdict, and only them', async () => {
    const subscriber = openRedis(url, CONSUMER_OPTIONS, ignore);
    open.push({ close: () => closeRedis(subscriber) });
    const signals = listenForVerdicts(subscriber, prefix);
    const [wanted, other] = [payloadOf(), payloadOf()];
    while ((await redis.publish(`${prefix}:verdict-stored`, '{}')) === 0) await redis.ping();
    const abort = new AbortController();
    const bystander = signals.wait(other.id, abort.signal);
    const woken = signals.wait(wanted.id, new AbortController().signal);
    await signalVerdict(redis, prefix, 'default', wanted.id);
    expect(await woken).toBe(true);
    abort.abort();
    expect(await bystander).toBe(false);
  });
});

it('keeps the lock, stall and connection settings that were measured', () => {
  expect(WORKER_SETTINGS).toEqual({ lockDuration: 10_000, stalledInterval: 5_000, maxStalledCount: 10 });
  expect(CONSUMER_OPTIONS).toMatchObject({ maxRetriesPerRequest: null, socketTimeout: 15_000 });
  expect(FAIL_FAST_OPTIONS).toMatchObject({
    enableOfflineQueue: false,
    commandTimeout: 2_000,
    maxRetriesPerRequest: 1,
    socketTimeout: 5_000,
  });
});
