import { describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, connect, type AddressInfo, type Socket } from 'node:net';
import { openJobWorker, type JobEvents } from '../src/queue/job-worker.ts';
import { closeRedis, CONSUMER_OPTIONS, openRedis } from '../src/queue/redis-connection.ts';

const quiet: JobEvents = { onFailed: () => undefined, onStalled: () => undefined, onError: () => undefined };

/** A relay before the Redis of the tests that can fall silent while its connections stay open. */
async function openRelay(): Promise<{ url: string; hush(): void; close(): Promise<void> }> {
  const target = (process.env['TEST_REDIS_URL'] ?? '').replace('unix://', '');
  const pairs: [Socket, Socket][] = [];
  const server = createServer((client) => {
    const upstream = connect(target);
    for (const socket of [client, upstream]) socket.on('error', () => undefined);
    client.pipe(upstream).pipe(client);
    pairs.push([client, upstream]);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    hush() {
      for (const [client, upstream] of pairs) {
        client.unpipe(upstream).pause();
        upstream.unpipe(client).pause();
      }
    },
    async close() {
      for (const pair of pairs) for (const socket of pair) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const isUnixSocket = (process.env['TEST_REDIS_URL'] ?? '').startsWith('unix://');
if (!isUnixSocket) process.stderr.write('SKIPPED: the relay tests need the private Redis of the tests\n');
const describeOnRelay = isUnixSocket ? describe : describe.skip;

describeOnRelay('a Redis that hangs', () => {
  it('does not keep a worker from closing within seconds', async () => {
    const relay = await openRelay();
    const redis = openRedis(relay.url, CONSUMER_OPTIONS, () => undefined);
    const options = { connection: redis, prefix: `test-${randomUUID().slice(0, 8)}`, concurrency: 1, events: quiet };
    const worker = openJobWorker('merge-verdict', options, async () => ({}));
    worker.start();
    await redis.ping();
    relay.hush();
    const startMs = performance.now();
    await worker.close();
    await closeRedis(redis);
    expect(performance.now() - startMs).toBeLessThan(5_000);
    await relay.close();
  });
});

it('closes a worker whose Redis was never there', async () => {
  const redis = openRedis('unix:///nowhere/redis.sock', CONSUMER_OPTIONS, () => undefined);
  const options = { connection: redis, prefix: 'test', concurrency: 1, events: quiet };
  const worker = openJobWorker('merge-verdict', options, async () => ({}));
  worker.start();
  const startMs = performance.now();
  await worker.close();
  await closeRedis(redis);
  expect(performance.now() - startMs).toBeLessThan(5_000);
});

it('keeps the process alive for less than a second after a Redis that was never there', async () => {
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const before = timers();
  const redis = openRedis('unix:///nowhere/redis.sock', CONSUMER_OPTIONS, () => undefined);
  await new Promise<void>((resolve) => redis.once('close', resolve));
  await closeRedis(redis);
  const startMs = performance.now();
  while (timers() > before) await new Promise((resolve) => setImmediate(resolve));
  expect(performance.now() - startMs).toBeLessThan(1_500);
});
