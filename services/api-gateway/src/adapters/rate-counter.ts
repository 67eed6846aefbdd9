import type { Redis } from 'ioredis';
import { RateLimiterMemory, RateLimiterRedis } from 'rate-limiter-flexible';
import { settleWithin } from '@touchstone/shared/process/settle-within';
import type { RateCount } from '../core/rate-limit.ts';

/** Counts one request of `who` in its open window, and tells what was used of that by now. Never rejects. */
export type RateCounter = (who: string, windowS: number) => Promise<RateCount>;

/** A limit is no reason to make a client wait: after this the count of this process decides. */
const REDIS_LIMIT_MS = 250;
/** Nothing is refused here: quotas differ by key, and the core compares. */
const ANY_NUMBER = Number.MAX_SAFE_INTEGER;

/**
 * Counts in Redis, for all gateways, and keeps the same count in memory. The stricter of the two holds, so that a
 * caller who has used up a quota gains nothing when Redis goes, forgets everything, or comes back.
 */
export function createRateCounter(redis: Redis, prefix: string): RateCounter {
  const options = { points: ANY_NUMBER, duration: 1, keyPrefix: `${prefix}:rate` };
  const shared = new RateLimiterRedis({ ...options, storeClient: redis, rejectIfRedisNotReady: true });
  const own = new RateLimiterMemory(options);
  return async (who, windowS) => {
    const key = `${windowS}:${who}`;
    const window = { customDuration: windowS };
    const askedMs = performance.now();
    const told = await settleWithin(REDIS_LIMIT_MS, shared.consume(key, 1, window), null);
    const known = await own.get(key);
    const isOpen = known !== null && known.msBeforeNext > 0;
    if (told === null || (isOpen && told.consumedPoints <= known.consumedPoints)) {
      const counted = await own.consume(key, 1, window);
      return { used: counted.consumedPoints, resetMs: counted.msBeforeNext };
    }
    // The own window must not outlast the one of Redis, or the first requests of the next would be counted in the last.
    const leftMs = Math.max(1, told.msBeforeNext - (performance.now() - askedMs));
    await own.set(key, told.consumedPoints, leftMs / 1_000);
    return { used: told.consumedPoints, resetMs: told.msBeforeNext };
  };
}

/** Counts for this process alone. */
export function createOwnRateCounter(): RateCounter {
  const own = new RateLimiterMemory({ points: ANY_NUMBER, duration: 1 });
  return async (who, windowS) => {
    const counted = await own.consume(`${windowS}:${who}`, 1, { customDuration: windowS });
    return { used: counted.consumedPoints, resetMs: counted.msBeforeNext };
  };
}
