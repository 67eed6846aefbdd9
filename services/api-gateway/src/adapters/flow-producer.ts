import type { Redis } from 'ioredis';
import type { Logger } from '@touchstone/shared/observe/logger';
import { settleWithin } from '@touchstone/shared/process/settle-within';
import { parentJobId, type RevisionPayload } from '@touchstone/shared/queue/catalog';
import type { DetectionJobs } from '@touchstone/shared/queue/detection-jobs';

const LIMIT_MS = 2_000;
/** More than this is a long outage, and the sweeper's work. */
const MAX_OWED = 1_000;

/** Enqueues and never fails: the pending marker is the promise, and the sweeper adds what is missing here. */
export type FlowProducer = (payload: RevisionPayload, priority: number) => Promise<void>;

/**
 * What could not be enqueued is tried again when Redis is back, or takes jobs again although it never went away (its
 * memory or disk was full): so a short outage costs its clients no more than its own length instead of the sweeper's ten
 * seconds.
 */
export function createFlowProducer(
  redis: Pick<Redis, 'status' | 'on'>,
  jobs: Pick<DetectionJobs, 'addFlow' | 'flowStates'>,
  logger: Logger,
  isErased: (payload: RevisionPayload) => Promise<boolean>,
): FlowProducer {
  const owed = new Map<string, { payload: RevisionPayload; priority: number }>();
  let repaying: Promise<void> | undefined;
  const repayAll = async () => {
    for (const [key, { payload, priority }] of owed) {
      if (redis.status !== 'ready') return;
      // Only what is really missing: adding a flow again whose child failed meanwhile would hold its parent for ever.
      await addMissing(payload, priority);
      owed.delete(key);
    }
  };
  const repay = () => {
    repaying ??= repayAll()
      .catch(() => logger.warn({ owed: owed.size }, 'not enqueued again: waits for the next chance or the sweeper'))
      .finally(() => (repaying = undefined));
  };
  const addMissing = async (payload: RevisionPayload, priority: number) => {
    if (await isErased(payload)) return;
    const [state] = await jobs.flowStates([payload]);
    if (state === 'missing') await jobs.addFlow(payload, priority);
  };
  redis.on('ready', repay);

  return async (payload, priority) => {
    // Without a connection BullMQ would wait for one, and so would the client.
    const isAdded =
      redis.status === 'ready' &&
      (await settleWithin(
        LIMIT_MS,
        // A late success counts as well.
        jobs.addFlow(payload, priority).then(() => owed.delete(parentJobId(payload)) || true),
        false,
      ));
    if (isAdded) {
      if (owed.size > 0) repay();
      return;
    }
    if (owed.size < MAX_OWED) owed.set(parentJobId(payload), { payload, priority });
    logger.warn({ detectionId: payload.id }, 'not enqueued: waits for Redis or the sweeper');
  };
}
