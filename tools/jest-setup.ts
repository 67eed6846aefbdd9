import { join } from 'node:path';
import { openPrivateRedis, type PrivateRedis } from './redis/private-redis.ts';

declare global {
  var testRedis: PrivateRedis | undefined;
}

/** One private Redis per jest run; tests keep apart by a prefix of their own. */
export default async function setup(): Promise<void> {
  globalThis.testRedis = await openPrivateRedis({
    cacheDir: join(import.meta.dirname, '../.tools/redis'),
    url: process.env['TEST_REDIS_URL'],
  });
  process.env['TEST_REDIS_URL'] = globalThis.testRedis.url;
}
