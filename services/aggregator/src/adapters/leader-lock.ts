import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';

/**
 * Elects one of several equal processes for a while. It saves work, nothing more: what the holder does must be correct
 * without it, because a paused holder does not notice that its time is over.
 */
export type LeaderLock = {
  /** Takes the lock or renews it; false when another process holds it. Rejects when Redis does not answer. */
  hold(): Promise<boolean>;
  release(): Promise<void>;
};

export function createLeaderLock(redis: Redis, key: string, holdMs: number): LeaderLock {
  const token = randomUUID();
  return {
    async hold() {
      if ((await redis.set(key, token, 'PX', holdMs, 'NX')) === 'OK') return true;
      if ((await redis.get(key)) !== token) return false;
      await redis.pexpire(key, holdMs);
      return true;
    },
    async release() {
      if (redis.status === 'ready' && (await redis.get(key)) === token) await redis.del(key);
    },
  };
}
