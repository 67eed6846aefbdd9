import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { randomUUID } from 'node:crypto';
import { newDetectionId } from '../src/contracts/detection-id.ts';
import type { QueueName, RevisionPayload } from '../src/queue/catalog.ts';
import { openDetectionJobs, type DetectionJobs } from '../src/queue/detection-jobs.ts';
import { answerCacheKey, createForgetDetection } from '../src/queue/forget-detection.ts';
import { openJobWorker, type JobEvents } from '../src/queue/job-worker.ts';
import { closeRedis, CONSUMER_OPTIONS, openRedis } from '../src/queue/redis-connection.ts';
import { listenForVerdicts } from '../src/queue/verdict-signal.ts';

const url = process.env['TEST_REDIS_URL'] ?? '';
const ignore = () => undefined;

describe('forgetting a detection on a real Redis', () => {
  let redis: Redis;
  let prefix: string;
  let jobs: DetectionJobs;
  let open: { close(): Promise<unknown> }[];
  beforeEach(async () => {
    redis = openRedis(url, CONSUMER_OPTIONS, ignore);
    prefix = `test-${randomUUID().slice(0, 8)}`;
    jobs = openDetectionJobs(redis, prefix, ignore);
    open = [jobs];
    await redis.ping();
  });
  afterEach(async () => {
    await Promise.all(open.map((resource) => resource.close()));
    await closeRedis(redis);
  });

  const payload = (): RevisionPayload => ({
    tenant: 'default',
    id: newDetectionId(Date.now()),
    revision: 1,
    slots: ['sbi', 'distildire', 'llm'],
  });
  const namesOf = ({ id }: RevisionPayload) => ({ id, revisions: [1], receivers: ['once' as const] });
  const forget = (of: RevisionPayload) => createForgetDetection(redis, prefix, jobs)(of, namesOf(of));
  const keysOf = ({ id }: RevisionPayload) => redis.keys(`${prefix}:*${id}*`);
  /** A worker whose first job ends when the test says so; `errors` is what BullMQ complained of. */
  const hold = (name: QueueName) => {
    let taken: () => void = ignore;
    let release: () => void = ignore;
    const isTaken = new Promise<void>((resolve) => (taken = resolve));
    const isReleased = new Promise<void>((resolve) => (release = resolve));
    const complaints: string[] = [];
    let complain: () => void = ignore;
    const complained = new Promise<void>((resolve) => (complain = resolve));
    const events: JobEvents = {
      onFailed: ignore,
      onStalled: ignore,
      onError: (_queue, error) => {
        complaints.push(error.message);
        complain();
      },
    };
    const worker = openJobWorker(name, { connection: redis, prefix, concurrency: 1, events }, async () => {
      taken();
      await isReleased;
      return {};
    });
    open.unshift(worker);
    worker.start();
    return { isTaken, release, complained, complaints };
  };

  it('leaves no key of jobs that wait, nor of the cached answer, and starts no parent', async () => {
    const [erased, other] = [payload(), payload()];
    await jobs.addFlow(erased, 10);
    await jobs.addFlow(other, 10);
    await jobs.addFinalise(erased, 60_000);
    for (const cause of ['verdict', 'redelivery', 'replay'] as const) {
      await jobs.addDelivery({ ...erased, cause });
      await jobs.addDelivery({ ...erased, cause, receiver: 'once' });
    }
    await redis.set(answerCacheKey(prefix, 'default', erased.id), 'x');
    expect(await forget(erased)).toEqual({ isForgotten: true, wasHeld: false });
    expect(await keysOf(erased)).toEqual([]);
    expect(await jobs.flowStates([erased, other])).toEqual(['missing', 'underway']);
    expect(await redis.llen(`${prefix}:merge-verdict:wait`)).toBe(0);
    expect(await redis.zcard(`${prefix}:merge-verdict:waiting-children`)).toBe(1);
  });

  it('may be repeated, and harms nothing when there is nothing', async () => {
    const none = payload();
    expect(await forget(none)).toEqual({ isForgotten: true, wasHeld: false });
    expect(await keysOf(none)).toEqual([]);
  });

  it('waits for the worker that holds a job, and takes the finished job then', async () => {
    const erased = payload();
    await jobs.addFlow(erased, 10);
    const held = hold('detect-sbi');
    await held.isTaken;
    const removeAll: DetectionJobs['removeAll'] = async (...given) => {
      const seen = await jobs.removeAll(...given);
      if (seen.held > 0) held.release();
      return seen;
    };
    const done = createForgetDetection(redis, prefix, { removeAll })(erased, namesOf(erased));
    expect(await done).toEqual({ isForgotten: true, wasHeld: true });
    expect(await keysOf(erased)).toEqual([]);
    expect(held.complaints).toEqual([]);
  });

  it('takes a job from under a worker that holds on, which brings nothing back when it ends', async () => {
    const erased = payload();
    await jobs.addFlow(erased, 10);
    const held = hold('judge-image');
    await held.isTaken;
    const startedMs = performance.now();
    expect(await forget(erased)).toEqual({ isForgotten: true, wasHeld: true });
    expect(performance.now() - startedMs).toBeLessThan(4_000);
    expect(await keysOf(erased)).toEqual([]);
    held.release();
    await held.complained;
    expect(await keysOf(erased)).toEqual([]);
  });

  it('wakes who waits for the verdict', async () => {
    const subscriber = openRedis(url, CONSUMER_OPTIONS, ignore);
    const signals = listenForVerdicts(subscriber, prefix);
    const erased = payload();
    while ((await redis.pubsub('NUMSUB', `${prefix}:verdict-stored`))[1] !== 1) await redis.ping();
    const woken = signals.wait(erased.id, AbortSignal.timeout(5_000));
    await forget(erased);
    expect(await woken).toBe(true);
    await closeRedis(subscriber);
  });

  it('says at once that it could not when Redis is away', async () => {
    const away = { status: 'reconnecting' } as Redis;
    const erased = payload();
    const outcome = await createForgetDetection(away, prefix, jobs)(erased, namesOf(erased));
    expect(outcome).toEqual({ isForgotten: false, wasHeld: false });
  });
});
