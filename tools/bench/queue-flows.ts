import { FlowProducer, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { catalog, followerJobId, parentJobId, type RevisionPayload } from '@touchstone/shared/queue/catalog';
import { openDetectionJobs } from '@touchstone/shared/queue/detection-jobs';
import { jobOptions, WORKER_SETTINGS } from '@touchstone/shared/queue/job-settings';
import { openJobWorker } from '@touchstone/shared/queue/job-worker';
import { closeRedis, CONSUMER_OPTIONS, openRedis } from '@touchstone/shared/queue/redis-connection';
import { inChunks, makePayloads } from './preloaded-queue.ts';

export const CONCURRENCY = 8;
const CHILD = 'detect-distildire';
const PARENT = 'merge-verdict';
const PRIORITY = 10;
const ignore = () => undefined;

/** Adds flows and consumes both of their jobs; `onParent` runs for each parent, that is, at the end of each flow. */
type FlowSide = (
  redis: Redis,
  prefix: string,
  onParent: () => void,
) => {
  add(payload: RevisionPayload): Promise<void>;
  startWorkers(): void;
  close(): Promise<unknown>;
};

/** The queue as the services use it: schemas on both sides, our options, handlers that do nothing. */
export const ourFlows: FlowSide = (redis, prefix, onParent) => {
  const jobs = openDetectionJobs(redis, prefix, ignore);
  const events = { onFailed: ignore, onStalled: ignore, onError: ignore };
  const options = { connection: redis, prefix, concurrency: CONCURRENCY, events };
  const workers = [
    openJobWorker(CHILD, options, async () => ({})),
    openJobWorker(PARENT, options, async () => {
      onParent();
      return {};
    }),
  ];
  return {
    add: (payload) => jobs.addFlow(payload, PRIORITY),
    startWorkers: () => workers.forEach((worker) => worker.start()),
    close: () => Promise.all([...workers.map((worker) => worker.close()), jobs.close()]),
  };
};

/** BullMQ with the same jobs, options and settings, and nothing of ours around it. */
export const bareFlows: FlowSide = (redis, prefix, onParent) => {
  const flows = new FlowProducer({ connection: redis, prefix });
  const options = { connection: redis, prefix, concurrency: CONCURRENCY, autorun: false, ...WORKER_SETTINGS };
  const workers = [
    new Worker(CHILD, async () => ({}), options),
    new Worker(
      PARENT,
      async () => {
        onParent();
        return {};
      },
      options,
    ),
  ];
  flows.on('error', ignore);
  for (const worker of workers) worker.on('error', ignore);
  return {
    async add(payload) {
      await flows.add({
        name: PARENT,
        queueName: PARENT,
        data: payload,
        opts: jobOptions(catalog[PARENT], parentJobId(payload), PRIORITY),
        children: [
          {
            name: CHILD,
            queueName: CHILD,
            data: payload,
            opts: {
              ...jobOptions(catalog[CHILD], followerJobId(payload, 'distildire'), PRIORITY),
              ignoreDependencyOnFailure: true,
            },
          },
        ],
      });
    },
    startWorkers: () => workers.forEach((worker) => void worker.run().catch(ignore)),
    close: () => Promise.all([...workers.map((worker) => worker.close()), flows.close()]),
  };
};

/** Jobs per second, two for each flow, from the first add until the last parent ran. */
export async function timeFlows(side: FlowSide, redisUrl: string, prefix: string, count: number): Promise<number> {
  const redis = openRedis(redisUrl, CONSUMER_OPTIONS, ignore);
  const all = Promise.withResolvers<void>();
  let parents = 0;
  const flows = side(redis, prefix, () => {
    parents += 1;
    if (parents === count) all.resolve();
  });
  try {
    const startMs = performance.now();
    await inChunks(makePayloads(count), (payload) => flows.add(payload));
    flows.startWorkers();
    await all.promise;
    return (2 * count * 1_000) / (performance.now() - startMs);
  } finally {
    await flows.close();
    await closeRedis(redis);
  }
}
