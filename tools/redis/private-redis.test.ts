import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
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
    endings.push(async () => {
      await end('SIGKILL');
      server.release();
    });
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
  const folderOf = ({ url }: { url: string }) => dirname(new URL(url).pathname);
  /** Makes the data look as if the run that owns it had been killed. */
  const orphan = async (more: object = {}) => {
    const path = join(dataDir, 'owner.json');
    const owner = JSON.parse(await readFile(path, 'utf8')) as { run: ProcessMark };
    await writeFile(path, JSON.stringify({ ...owner, run: { ...owner.run, born: 'long ago' }, ...more }));
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
    expect(existsSync(folderOf(left))).toBe(false);
    await launch(server);
    expect(await withClient(server.url, (client) => client.get('kept'))).toBe('yes');
  });

  it('takes its socket away when it is released', async () => {
    const server = await prepareRedis({ cacheDir, dataDir });
    const { end } = await launch(server);
    await end('SIGTERM');
    server.release();
    expect(existsSync(folderOf(server))).toBe(false);
  });

  it('takes the folder of a killed run away also when its server has ended', async () => {
    const left = await prepareRedis({ cacheDir, dataDir });
    const { end } = await launch(left);
    await end('SIGKILL');
    await orphan();
    const server = await prepareRedis({ cacheDir, dataDir });
    expect(server.tookOver).toBe(false);
    expect(existsSync(folderOf(left))).toBe(false);
    server.release();
  });

  it('takes no folder away that is none of its own, whatever the owner file says', async () => {
    const left = await prepareRedis({ cacheDir, dataDir });
    const { end } = await launch(left);
    await end('SIGKILL');
    const foreign = await mkdtemp(join(dataDir, 'foreign-'));
    await orphan({ socketDir: foreign });
    (await prepareRedis({ cacheDir, dataDir })).release();
    expect(existsSync(foreign)).toBe(true);
  });

  it('ends a server at once that it cannot mark as its own', async () => {
    const server = await prepareRedis({ cacheDir, dataDir });
    await mkdir(join(dataDir, 'owner.json'));
    const { child, ready } = server.launch('ignore');
    const exited = once(child, 'exit');
    await expect(ready).rejects.toThrow('EISDIR');
    expect(await exited).toEqual([null, 'SIGKILL']);
    await rm(join(dataDir, 'owner.json'), { recursive: true });
    await launch(server);
  });

  it('ends with the test run that opened it, also when that is killed', async () => {
    const script = `
      const { openPrivateRedis } = await import(${JSON.stringify(new URL('./private-redis.ts', import.meta.url).href)});
      const { Redis } = await import('ioredis');
      const { url } = await openPrivateRedis({ cacheDir: ${JSON.stringify(cacheDir)} });
      const client = new Redis(url);
      console.log(/process_id:(\\d+)/.exec(await client.info('server'))[1] + ' ' + url);
    `;
    const args = ['--conditions=@touchstone/source', '--input-type=module', '--eval', script];
    const run = spawn(process.execPath, args, { cwd: import.meta.dirname, stdio: ['ignore', 'pipe', 'inherit'] });
    const [said] = (await once(run.stdout, 'data')) as [Buffer];
    const [pid, url = ''] = String(said).trim().split(' ');
    const mark = markProcess(Number(pid));
    expect(mark).not.toBeNull();
    run.kill('SIGKILL');
    while (isRunning(mark!)) await delay(10);
    while (existsSync(folderOf({ url }))) await delay(10);
  });

  it('is not started where an address is given', async () => {
    const given = await openPrivateRedis({ cacheDir, url: 'redis://elsewhere:6379' });
    expect(given.url).toBe('redis://elsewhere:6379');
    await given.stop();
  });
});
