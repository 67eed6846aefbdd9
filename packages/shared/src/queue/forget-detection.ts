import type { Redis } from 'ioredis';
import type { DetectionId, Tenant } from '../contracts/detection-id.ts';
import { settlesWithin } from '../process/settle-within.ts';
import type { EraseDeps } from '../storage/erase-detection.ts';
import type { DetectionJobs } from './detection-jobs.ts';
import { signalVerdict } from './verdict-signal.ts';

/** Where the finished answer of a detection is cached. */
export const answerCacheKey = (prefix: string, tenant: Tenant, id: DetectionId) => `${prefix}:answer:${tenant}:${id}`;

/** Workers that hold a job get so long to end it; afterwards it is taken from under them, and what they write too. */
const HELD_LIMIT_MS = 2_000;
const LOOK_EVERY_MS = 100;
const LIMIT_MS = 4_000;

/** Redis' part of an erasure. It never rejects: what fails here is repeated later, from the marker in the store. */
export function createForgetDetection(
  redis: Redis,
  prefix: string,
  jobs: Pick<DetectionJobs, 'removeAll'>,
): EraseDeps['forget'] {
  return async ({ tenant, id }, detection) => {
    let wasHeld = false;
    const forget = async () => {
      await redis.del(answerCacheKey(prefix, tenant, id));
      const endMs = performance.now() + HELD_LIMIT_MS;
      for (;;) {
        const force = performance.now() >= endMs;
        const { held } = await jobs.removeAll(detection, { force });
        if (held === 0) break;
        wasHeld = true;
        await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
      }
      await signalVerdict(redis, prefix, tenant, id);
    };
    // Without a connection BullMQ would wait for one.
    const isForgotten = redis.status === 'ready' && (await settlesWithin(LIMIT_MS, forget()));
    return { isForgotten, wasHeld };
  };
}
