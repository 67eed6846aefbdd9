import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { QUEUE_NAMES, type QueueName } from './catalog.ts';

/** States in which a job still waits for something. */
export const UNFINISHED_STATES = ['waiting', 'prioritized', 'active', 'delayed', 'waiting-children'] as const;
export const QUEUE_STATES = [...UNFINISHED_STATES, 'completed', 'failed'] as const;
export type UnfinishedState = (typeof UNFINISHED_STATES)[number];
export type QueueState = (typeof QUEUE_STATES)[number];

export type QueueMeasure = {
  queue: QueueName;
  depth: Record<QueueState, number>;
  /** Time since the oldest job of a state was added; 0 where there is none. */
  oldestAgeMs: Record<UnfinishedState, number>;
};

/** All queues as an operator looks at them. */
export type BoardQueues = {
  queues: { name: QueueName; queue: Queue }[];
  /** Two round trips for all queues. Rejects when Redis does not answer. */
  measure(nowMs: number): Promise<QueueMeasure[]>;
  close(): Promise<void>;
};

/** BullMQ's score of a prioritized job is priority * 2^32 + a counter, so each priority has an oldest job of its own. */
const SECOND_PRIORITY = 2 * 2 ** 32;

/** `connection` stays the caller's to close; give it one that fails fast. */
export function openBoardQueues(connection: Redis, prefix: string, onError: (error: Error) => void): BoardQueues {
  const queues = QUEUE_NAMES.map((name) => {
    const queue = new Queue(name, { connection, prefix });
    queue.on('error', onError);
    return { name, queue };
  });

  /** Sends the commands in one round trip; rejects when any of them fails. */
  const ask = async (commands: (string | number)[][]): Promise<unknown[]> => {
    const replies = (await connection.pipeline(commands).exec()) ?? [];
    if (replies.length !== commands.length) throw new Error('Redis gave no reply');
    return replies.map(([error, reply]) => {
      if (error) throw error;
      return reply;
    });
  };

  return {
    queues,
    async measure(nowMs) {
      const looks = await ask(queues.flatMap(({ queue }) => lookAt(queue)));
      const perQueue = looks.length / queues.length;
      const seen = queues.map(({ name, queue }, i) => ({
        name,
        queue,
        ...readLook(looks.slice(i * perQueue, (i + 1) * perQueue)),
      }));
      const wanted = seen.flatMap(({ queue, oldest }) =>
        oldest.map(([state, id]) => ({ queue, state, id, key: queue.toKey(id) })),
      );
      const timestamps = await ask(wanted.map(({ key }) => ['hget', key, 'timestamp']));
      return seen.map(({ name, queue, depth }) => {
        const oldestAgeMs = Object.fromEntries(UNFINISHED_STATES.map((state) => [state, 0])) as Record<
          UnfinishedState,
          number
        >;
        for (const [i, each] of wanted.entries()) {
          // A job that has gone in between has no timestamp.
          if (each.queue !== queue || timestamps[i] === null) continue;
          oldestAgeMs[each.state] = Math.max(oldestAgeMs[each.state], nowMs - Number(timestamps[i]));
        }
        return { queue: name, depth, oldestAgeMs };
      });
    },
    async close() {
      await Promise.all(queues.map(({ queue }) => queue.close()));
    },
  };
}

/** Commands whose replies `readLook` reads. Lists are pushed at the left, so the oldest is at the right. */
function lookAt(queue: Queue): (string | number)[][] {
  const key = (part: string) => queue.toKey(part);
  return [
    ['llen', key('wait')],
    ['zcard', key('prioritized')],
    ['llen', key('active')],
    ['zcard', key('delayed')],
    ['zcard', key('waiting-children')],
    ['zcard', key('completed')],
    ['zcard', key('failed')],
    ['lindex', key('wait'), -1],
    ['lindex', key('active'), -1],
    // Of the first priority, then of those behind: in use are 1 and 10 (contract.md section 1).
    ['zrangebyscore', key('prioritized'), '-inf', `(${SECOND_PRIORITY}`, 'limit', 0, 1],
    ['zrangebyscore', key('prioritized'), SECOND_PRIORITY, '+inf', 'limit', 0, 1],
    // Delayed jobs are sorted by when they are due.
    ['zrange', key('delayed'), 0, 0],
    ['zrange', key('waiting-children'), 0, 0],
  ];
}

function readLook(replies: unknown[]): { depth: Record<QueueState, number>; oldest: [UnfinishedState, string][] } {
  const depth = Object.fromEntries(QUEUE_STATES.map((state, i) => [state, Number(replies[i])])) as Record<
    QueueState,
    number
  >;
  const heads: [UnfinishedState, unknown][] = (
    ['waiting', 'active', 'prioritized', 'prioritized', 'delayed', 'waiting-children'] as const
  ).map((state, i) => [state, [replies[QUEUE_STATES.length + i]].flat()[0]]);
  const oldest = heads.filter((head): head is [UnfinishedState, string] => typeof head[1] === 'string');
  return { depth, oldest };
}
