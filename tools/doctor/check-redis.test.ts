import { afterEach, beforeAll, afterAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openPrivateRedis, type PrivateRedis } from '../redis/private-redis.ts';
import { addressWithoutSecrets, checkRedis } from './check-redis.ts';
import { judgeRedis, type RedisFacts } from './judge-redis.ts';
import { contextOf, ROOT, runAlone } from './test-context.ts';

const check = (env: NodeJS.ProcessEnv) => runAlone(checkRedis, contextOf(env));

describe('a Redis that runs', () => {
  let server: PrivateRedis;
  beforeAll(async () => (server = await openPrivateRedis({ cacheDir: join(ROOT, '.tools/redis') })));
  afterAll(() => server.stop());
  const configure = async (settings: Record<string, string>) => {
    const client = new Redis(server.url);
    for (const [name, value] of Object.entries(settings)) await client.config('SET', name, value);
    await client.quit();
  };

  it('tells version, round trip, eviction and what a crash would lose', async () => {
    await configure({ 'maxmemory-policy': 'noeviction', appendonly: 'yes', appendfsync: 'everysec' });
    expect(await check({ REDIS_URL: server.url })).toMatchObject({
      redis: {
        state: 'ok',
        what: expect.stringMatching(/^(Redis|Valkey) \d+\.\d+.* at unix:.*, round trip [\d.]+ ms$/),
      },
      'redis-eviction': { state: 'ok' },
      'redis-persistence': { state: 'ok', facts: { appendonly: true, appendfsync: 'everysec' } },
    });
  });

  it('fails when it may evict, and warns when it keeps no log', async () => {
    await configure({ 'maxmemory-policy': 'allkeys-lru', appendonly: 'no' });
    expect(await check({ REDIS_URL: server.url })).toMatchObject({
      redis: { state: 'ok' },
      'redis-eviction': { state: 'fail', advice: expect.stringContaining('noeviction') },
      'redis-persistence': { state: 'warn', advice: expect.stringContaining('appendonly yes') },
    });
  });

  it('fails when it wants a password, and never shows the one that was given', async () => {
    await configure({ requirepass: 'right-word' });
    const url = `${server.url}?password=wrong-word`;
    const findings = await check({ REDIS_URL: url });
    expect(findings).toMatchObject({ redis: { state: 'fail', advice: expect.stringContaining('password') } });
    expect(JSON.stringify(findings)).not.toContain('wrong-word');
  });
});

describe('a Redis that does not answer', () => {
  let listener: Server | undefined;
  afterEach(() => void listener?.close());

  it('fails within seconds when it hangs', async () => {
    const hanging = (listener = createServer());
    const sockets: { destroy(): void }[] = [];
    hanging.on('connection', (socket) => sockets.push(socket)).listen(0, '127.0.0.1');
    await once(hanging, 'listening');
    const { port } = hanging.address() as { port: number };
    const findings = await check({ REDIS_URL: `redis://:hidden-word@127.0.0.1:${port}` });
    for (const socket of sockets) socket.destroy();
    expect(findings).toMatchObject({ redis: { state: 'fail', facts: { address: `redis://127.0.0.1:${port}` } } });
    expect(JSON.stringify(findings)).not.toContain('hidden-word');
  });

  it('fails with what to do when nobody listens', async () => {
    expect(await check({ REDIS_URL: 'unix:///nowhere/r.sock' })).toMatchObject({
      redis: { state: 'fail', what: expect.stringContaining('ENOENT'), advice: expect.stringContaining('npm start') },
    });
  });
});

describe('without a Redis', () => {
  it('names the program that npm start would use', async () => {
    const { redis } = await check({ DATA_DIR: join(tmpdir(), 'doctor-no-system') });
    expect(redis).toMatchObject({ state: 'ok', facts: { address: null, version: expect.stringMatching(/^\d+\./) } });
    expect(redis!.what).toContain('`npm start` starts a private one');
  });

  it('fails when none can be had', async () => {
    const empty = await mkdtemp(join(tmpdir(), 'doctor-path-'));
    try {
      expect(await check({ PATH: empty, DATA_DIR: empty })).toMatchObject({
        redis: { state: 'fail', what: expect.stringContaining('no Redis on PATH') },
      });
    } finally {
      await rm(empty, { recursive: true });
    }
  });

  it('is not asked at an address that is none', async () => {
    expect(await check({ REDIS_URL: 'localhost' })).toMatchObject({ redis: { state: 'skip' } });
    expect(await check({ REDIS_URL: 'redis://:a/b@host' })).toMatchObject({ redis: { state: 'fail' } });
  });
});

it('an address is shown without user and password', () => {
  expect(addressWithoutSecrets('rediss://me:word@host:6380/2?x=word')).toBe('rediss://host:6380');
  expect(addressWithoutSecrets('unix:///run/r.sock?db=1')).toBe('unix:///run/r.sock');
  expect(addressWithoutSecrets('unix://:word@/run/r.sock')).toBeNull();
});

describe('the judgement of a Redis', () => {
  const good: RedisFacts = {
    product: 'Valkey',
    version: '8.1.0',
    round_trip_ms: 0.1,
    maxmemory_policy: 'noeviction',
    used_memory_bytes: 1,
    maxmemory_bytes: 0,
    appendonly: true,
    appendfsync: 'everysec',
    last_write_failed: false,
  };
  const states = (changes: Partial<RedisFacts>) => judgeRedis('x', { ...good, ...changes }).map(({ state }) => state);

  it.each<[string, Partial<RedisFacts>, string[]]>([
    ['is good', {}, ['ok', 'ok', 'ok']],
    ['fails on a version before 6.2', { version: '6.0.16' }, ['fail', 'ok', 'ok']],
    ['warns when its memory is nearly used', { used_memory_bytes: 9, maxmemory_bytes: 10 }, ['warn', 'ok', 'ok']],
    ['warns when the policy is hidden', { maxmemory_policy: null }, ['ok', 'warn', 'ok']],
    ['fails when it cannot write its log', { last_write_failed: true }, ['ok', 'ok', 'fail']],
    ['warns when its log is never synced', { appendfsync: 'no' }, ['ok', 'ok', 'warn']],
    ['takes a hidden sync for good', { appendfsync: null }, ['ok', 'ok', 'ok']],
  ])('%s', (_name, changes, expected) => {
    expect(states(changes)).toEqual(expected);
  });
});
