import type { Redis } from 'ioredis';
import type { Logger } from '@touchstone/shared/observe/logger';
import type { RevisionPayload } from '@touchstone/shared/queue/catalog';
import type { DetectionJobs } from '@touchstone/shared/queue/detection-jobs';
import { settleWithin } from './settle-within.ts';

const LIMIT_MS = 2_000;

/** Enqueues and never fails: the pending marker is the promise, and the sweeper adds what is missing here. */
export type FlowProducer = (payload: RevisionPayload, priority: number) => Promise<void>;

export function createFlowProducer(redis: Redis, jobs: Pick<DetectionJobs, 'addFlow'>, logger: Logger): FlowProducer {
  return async (payload, priority) => {
    // Without a connection BullMQ would wait for one, and so would the client.
    const isAdded =
      redis.status === 'ready' &&
      (await settleWithin(
        LIMIT_MS,
        jobs.addFlow(payload, priority).then(() => true),
        false,
      ));
    if (!isAdded) logger.warn({ detectionId: payload.id }, 'not enqueued: left to the sweeper');
  };
}
