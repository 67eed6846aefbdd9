import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isRunning, markProcess, type ProcessMark } from '../process-mark.ts';
import { openPrivateRedis, prepareRedis, type RedisServer } from './private-redis.ts';

const cacheDir = join(import.meta.dirname, '../../.tools/redis');

describe('a private Redis', () => {
  let dataDir: string;
  let endings: (() => Promise<void>)[];

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'private-redis-'));
    endings = [];
  });
  afterEach(async () => {
    await Promise.all(endings.map((end) => end()));
    await rm(dataDir, { recursive: true });
  });

  const launch = async (server: RedisServer) => {
    const { child, ready } = server.launch('ignore');
    const exited = once(child, 'exit');
    const end = async (signal: NodeJS.Signals) => {
      child.kill(signal);
      await exited;
    };
    endings.push(() => end('SIGKILL'));
    await ready;
    return { pid: child.pid!, end };
  };
  const withClient = async <T>(url: string, use: (client: Redis) => Promise<T>): Promise<T> => {
    const client = new Redis(url);
    try {
      return await use(client);
    } finally {
      await client.quit();
    }
  };
  /** Makes the data look as if the run that owns it had been killed. */
  const orphan = async () => {
    const path = join(dataDir, 'owner.json');
    const owner = JSON.parse(await readFile(path, 'utf8')) as { run: ProcessMark };
    await writeFile(path, JSON.stringify({ ...owner, run: { ...owner.run, born: 'long ago' } }));
  };

  it('comes back at the same address with what it knew after it was killed', async () => {
    const server = await prepareRedis({ cacheDir, dataDir });
    const first = await launch(server);
    await withClient(server.url, (client) => client.set('kept', 'yes'));
    await first.end('SIGKILL');
    await launch(server);
    expect(await withClient(server.url, (client) => client.get('kept'))).toBe('yes');
  });

  it('never evicts, and writes every change to its log', async () => {
    const server = await prepareRedis({ cacheDir, dataDir });
    await launch(server);
    await withClient(server.url, async (client) => {
      expect(await client.config('GET', 'maxmemory-policy')).toEqual(['maxmemory-policy', 'noeviction']);
      expect(await client.config('GET', 'appendonly')).toEqual(['appendonly', 'yes']);
      expect(await client.config('GET', 'appendfsync')).toEqual(['appendfsync', 'everysec']);
    });
  });

  it('refuses data that a living run has open', async () => {
    await launch(await prepareRedis({ cacheDir, dataDir }));
    await expect(prepareRedis({ cacheDir, dataDir })).rejects.toThrow(`in use by process ${process.pid}`);
  });

  it('ends the server of a killed run before it opens its data', async () => {
    const left = await prepareRedis({ cacheDir, dataDir });
    const { pid } = await launch(left);
    await withClient(left.url, (client) => client.set('kept', 'yes'));
    await orphan();
    const server = await prepareRedis({ cacheDir, dataDir });
    expect(server.tookOver).toBe(true);
    expect(markProcess(pid)).toBeNull();
    await launch(server);
    expect(await withClient(server.url, (client) => client.get('kept'))).toBe('yes');
  });

  it('takes its socket away when it is released', async () => {
    const server = await prepareRedis({ cacheDir, dataDir });
    const { end } = await launch(server);
    await end('SIGTERM');
    server.release();
    expect(existsSync(dirname(new URL(server.url).pathname))).toBe(false);
  });

  it('ends with the test run that opened it, also when that is killed', async () => {
    const script = `
      const { openPrivateRedis } = await import(${JSON.stringify(new URL('./private-redis.ts', import.meta.url).href)});
      const { Redis } = await import('ioredis');
      const { url } = await openPrivateRedis({ cacheDir: ${JSON.stringify(cacheDir)} });
      const client = new Redis(url);
      console.log(/process_id:(\\d+)/.exec(await client.info('server'))[1]);
    `;
    const args = ['--conditions=@touchstone/source', '--input-type=module', '--eval', script];
    const run = spawn(process.execPath, args, { cwd: import.meta.dirname, stdio: ['ignore', 'pipe', 'inherit'] });
    const [pid] = (await once(run.stdout, 'data')) as [Buffer];
    const mark = markProcess(Number(String(pid)));
    expect(mark).not.toBeNull();
    run.kill('SIGKILL');
    while (isRunning(mark!)) await delay(10);
  });

  it('is not started where an address is given', async () => {
    const given = await openPrivateRedis({ cacheDir, url: 'redis://elsewhere:6379' });
    expect(given.url).toBe('redis://elsewhere:6379');
    await given.stop();
  });
});
