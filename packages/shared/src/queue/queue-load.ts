import { QueueKeys } from 'bullmq';
import type { Redis } from 'ioredis';
import type { QueueName } from './catalog.ts';

/** How much one queue has to do, and how fast it has been. `first`: jobs of priority 1 alone. */
export type QueueLoad = {
  waiting: { first: number; all: number };
  /** Time since the oldest job that waits was added; 0 when none waits. */
  oldestAgeMs: { first: number; all: number };
  active: number;
  /** Jobs completed within each of the last `COMPLETION_WINDOWS_MS`. */
  completed: readonly number[];
};

/** Longest first. */
export const COMPLETION_WINDOWS_MS = [60_000, 10_000] as const;

/** BullMQ's score of a waiting job is priority * 2^32 + a counter. */
const SECOND_PRIORITY = 2 * 2 ** 32;

/** The load of each queue, in two round trips for all. Rejects when Redis does not answer. */
export async function readQueueLoads(
  redis: Redis,
  prefix: string,
  names: readonly QueueName[],
  nowMs: number,
): Promise<QueueLoad[]> {
  const keys = new QueueKeys(prefix);
  const ask = async (commands: (string | number)[][]): Promise<unknown[]> => {
    const replies = (await redis.pipeline(commands).exec()) ?? [];
    if (replies.length !== commands.length) throw new Error('Redis gave no reply');
    return replies.map(([error, reply]) => {
      if (error) throw error;
      return reply;
    });
  };
  const looks = await Promise.all(
    names.map((name) => {
      const key = (part: string) => keys.toKey(name, part);
      return ask([
        ['zcard', key('prioritized')],
        ['zcount', key('prioritized'), '-inf', `(${SECOND_PRIORITY}`],
        ['llen', key('active')],
        ['zrangebyscore', key('prioritized'), '-inf', `(${SECOND_PRIORITY}`, 'limit', 0, 1],
        ['zrangebyscore', key('prioritized'), SECOND_PRIORITY, '+inf', 'limit', 0, 1],
        ...COMPLETION_WINDOWS_MS.map((windowMs) => ['zcount', key('completed'), nowMs - windowMs, '+inf']),
      ]);
    }),
  );
  return Promise.all(
    names.map(async (name, i): Promise<QueueLoad> => {
      const [all, first, active, firstIds, otherIds, ...completed] = looks[i]!;
      const ages = await Promise.all(
        [firstIds, otherIds].map(async (ids) => {
          const [id] = ids as string[];
          if (id === undefined) return 0;
          const [timestamp] = await ask([['hget', keys.toKey(name, id), 'timestamp']]);
          // A worker may have taken the job, and even ended it, in between.
          return timestamp === null ? 0 : Math.max(0, nowMs - Number(timestamp));
        }),
      );
      return {
        waiting: { first: Number(first), all: Number(all) },
        oldestAgeMs: { first: ages[0]!, all: Math.max(...ages) },
        active: Number(active),
        completed: completed.map(Number),
      };
    }),
  );
}
