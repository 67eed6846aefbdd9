import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { randomUUID } from 'node:crypto';
import { closeRedis, CONSUMER_OPTIONS, FAIL_FAST_OPTIONS, openRedis } from '@touchstone/shared/queue/redis-connection';
import { createRateCounter, type RateCounter } from './rate-counter.ts';

const ignore = () => undefined;
const prefix = `test-${randomUUID().slice(0, 8)}`;
const connect = async () => {
  const connection = openRedis(process.env['TEST_REDIS_URL']!, CONSUMER_OPTIONS, ignore);
  await connection.ping();
  return connection;
};
let redis: Redis;
beforeAll(async () => {
  redis = await connect();
});
afterAll(() => closeRedis(redis));

const gone = async () => openRedis('unix:///nowhere/redis.sock', FAIL_FAST_OPTIONS, ignore);
const countTo = async (count: RateCounter, who: string, times: number) => {
  let last = await count(who, 60);
  for (let i = 1; i < times; i++) last = await count(who, 60);
  return last;
};

/** Asks as fast as it can until a window of a second has seen ten times the quota; how many of those fitted it. */
async function overload(count: RateCounter, quota: number): Promise<number> {
  let window = { asked: 0, allowed: 0 };
  let last = 0;
  for (;;) {
    for (const { used } of await Promise.all(Array.from({ length: 20 }, () => count('flood', 1)))) {
      if (used < last) {
        if (window.asked >= 10 * quota) return window.allowed;
        window = { asked: 0, allowed: 0 };
      }
      last = used;
      window.asked++;
      if (used <= quota) window.allowed++;
    }
  }
}

describe.each([
  ['with Redis', connect],
  ['without Redis', gone],
])('%s', (_name, open) => {
  it('a quota is kept within 5 % at ten times as much and more', async () => {
    const own = await open();
    const allowed = await overload(createRateCounter(own, `${prefix}-flood`), 20);
    expect(Math.abs(allowed - 20)).toBeLessThanOrEqual(1);
    own.disconnect();
  });
});

it('counts for all gateways together', async () => {
  const [one, other] = [createRateCounter(redis, prefix), createRateCounter(redis, prefix)];
  await countTo(one, 'shared', 3);
  const { used, resetMs } = await countTo(other, 'shared', 1);
  expect(used).toBe(4);
  expect(resetMs).toBeGreaterThan(50_000);
  expect((await other('another', 60)).used).toBe(1);
});

it('forgives nothing when Redis goes, nor when it has forgotten everything', async () => {
  const leaving = await connect();
  const count = createRateCounter(leaving, prefix);
  await countTo(count, 'leaving', 5);
  await redis.del(`${prefix}:rate:60:leaving`);
  expect((await count('leaving', 60)).used).toBe(6);
  leaving.disconnect();
  const { used, resetMs } = await count('leaving', 60);
  expect(used).toBe(7);
  expect(resetMs).toBeLessThanOrEqual(60_000);
});

it('goes on without an answer of Redis after 250 ms', async () => {
  const silent = { status: 'ready', defineCommand: ignore, rlflxIncr: () => new Promise(ignore) };
  const count = createRateCounter(silent as unknown as Redis, prefix);
  const startedMs = performance.now();
  expect((await count('unheard', 60)).used).toBe(1);
  expect(performance.now() - startedMs).toBeLessThan(2_000);
});
