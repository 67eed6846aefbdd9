import { Redis, type RedisOptions } from 'ioredis';
import { settlesWithin } from '../process/settle-within.ts';

const QUIT_LIMIT_MS = 1_000;
/** Of ioredis, for a socket to close. It keeps the process alive for as long, also when the socket is gone already. */
const DISCONNECT_LIMIT_MS = 500;
const reconnectMs = (attempt: number) => Math.min(attempt * 200, 2_000);
/** After a failover the old primary answers READONLY, and a blocked read is UNBLOCKED: connect anew and repeat. */
const reconnectOnError = (error: Error) => (/READONLY|UNBLOCKED/.test(error.message) ? 2 : false);

/**
 * Options of a connection that consumes jobs. It waits for Redis for ever; `socketTimeout` ends a half-open connection,
 * which the defaults never notice (measured: reliability.md section 2).
 */
export const CONSUMER_OPTIONS: RedisOptions = {
  maxRetriesPerRequest: null,
  socketTimeout: 15_000,
  keepAlive: 10_000,
  connectTimeout: 5_000,
  retryStrategy: reconnectMs,
  reconnectOnError,
};

/** Options of a connection in a request's path: fails fast, because the pending marker already made the promise. */
export const FAIL_FAST_OPTIONS: RedisOptions = {
  enableOfflineQueue: false,
  maxRetriesPerRequest: 1,
  commandTimeout: 2_000,
  // Without it a half-open connection says `ready` until TCP gives up, after a quarter of an hour.
  socketTimeout: 5_000,
  keepAlive: 10_000,
  connectTimeout: 5_000,
  retryStrategy: reconnectMs,
  reconnectOnError,
};

/** Opens a connection that reports its errors instead of throwing them as unhandled events. */
export function openRedis(url: string, options: RedisOptions, onError: (error: Error) => void): Redis {
  const redis = new Redis(url, { disconnectTimeout: DISCONNECT_LIMIT_MS, ...options, replyMapping: 'legacy' });
  redis.on('error', onError);
  return redis;
}

/** Closes a connection whether Redis answers or not; one that hangs is cut off after a second. */
export async function closeRedis(redis: Redis): Promise<void> {
  const hasQuit = redis.status === 'ready' && (await settlesWithin(QUIT_LIMIT_MS, redis.quit()));
  if (!hasQuit) redis.disconnect();
}
