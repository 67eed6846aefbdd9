import { Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { settlesWithin } from '../process/settle-within.ts';
import type { QueueName } from './catalog.ts';
import { WORKER_SETTINGS } from './job-settings.ts';
import type { JobEvents } from './job-worker.ts';

const CLOSE_LIMIT_MS = 1_000;

export type StalledChecks = { close(): Promise<void> };

/**
 * Gives the jobs of dead workers back to queues that this process consumes nothing of. A worker looks for them itself,
 * but not while it is the only one and is starting again or cut off from Redis: the wait for the locks would begin only
 * when it is back. Who looks at the same time does no harm: Redis lets one of them look in each interval.
 */
export function openStalledChecks(
  names: readonly QueueName[],
  options: {
    connection: Redis;
    prefix: string;
    events: Pick<JobEvents, 'onStalled' | 'onError'>;
    stalledIntervalMs?: number;
  },
): StalledChecks {
  const { connection, prefix, events, stalledIntervalMs = WORKER_SETTINGS.stalledInterval } = options;
  const checkers = names.map((name) => {
    const settings = { ...WORKER_SETTINGS, stalledInterval: stalledIntervalMs };
    // Without a handler it takes no job.
    const checker = new Worker(name, null, { connection, prefix, autorun: false, ...settings });
    checker.on('stalled', (jobId) => events.onStalled(name, jobId));
    checker.on('error', (error) => events.onError(name, error));
    checker.startStalledCheckTimer().catch((error: unknown) => events.onError(name, error as Error));
    return checker;
  });
  return {
    async close() {
      // By force: there is nothing to wait for, and without Redis an orderly close never returns.
      await settlesWithin(CLOSE_LIMIT_MS, Promise.all(checkers.map((checker) => checker.close(true))));
    },
  };
}
