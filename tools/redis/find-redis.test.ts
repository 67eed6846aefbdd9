import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findRedis } from './find-redis.ts';

describe('finding a Redis', () => {
  let dir: string;
  let bin: string;
  let cacheDir: string;
  let env: NodeJS.ProcessEnv;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'find-redis-'));
    bin = join(dir, 'bin');
    cacheDir = join(dir, 'cache');
    env = { PATH: bin };
    await mkdir(bin);
  });
  afterEach(() => rm(dir, { recursive: true }));

  const program = async (name: string, body: string) => {
    await writeFile(join(bin, name), `#!/bin/sh\nPATH=/bin:/usr/bin\n${body}\n`);
    await chmod(join(bin, name), 0o755);
  };
  /** A distribution in two scripts: `download` leaves packages, unpacking one leaves the server. */
  const distribution = async (download: string) => {
    await program('apt-get', `case "$*" in *" download "*) ${download};; esac`);
    await program('dpkg', 'mkdir -p "$3/usr/bin"; touch "$3/usr/bin/redis-server"; chmod +x "$3/usr/bin/redis-server"');
  };

  it('takes the first server on PATH, valkey before redis', async () => {
    await program('redis-server', '');
    await program('valkey-server', '');
    expect(await findRedis({ cacheDir, env })).toMatchObject({
      source: 'valkey-server',
      path: join(bin, 'valkey-server'),
    });
  });

  it('names the remedies where there is neither a server nor a package manager', async () => {
    await expect(findRedis({ cacheDir, env })).rejects.toThrow(/apt-get install redis-server.*REDIS_URL/s);
  });

  it('unpacks the packages of the distribution once', async () => {
    await distribution('touch redis.deb');
    const said: string[] = [];
    const found = await findRedis({ cacheDir, env, say: (text) => said.push(text) });
    expect(found.path).toBe(join(cacheDir, 'root/usr/bin/redis-server'));
    expect(await readdir(cacheDir)).toEqual(['root']);
    await distribution('exit 1');
    expect(await findRedis({ cacheDir, env, say: (text) => said.push(text) })).toEqual(found);
    expect(said).toHaveLength(1);
  });

  it('keeps nothing of a download that failed, and names the remedies', async () => {
    await distribution('touch redis.deb; echo "no network" >&2; exit 100');
    await expect(findRedis({ cacheDir, env })).rejects.toThrow(/no network.*REDIS_URL/s);
    expect(await readdir(cacheDir)).toEqual([]);
  });

  it('does not keep a server that cannot run here', async () => {
    await distribution('touch redis.deb');
    await program('dpkg', 'mkdir -p "$3/usr/bin"; touch "$3/usr/bin/redis-server"');
    await expect(findRedis({ cacheDir, env })).rejects.toThrow(/REDIS_URL/);
    expect(await readdir(cacheDir)).toEqual([]);
  });

  it('stops unpacking when it is told to', async () => {
    await distribution('touch redis.deb');
    await expect(findRedis({ cacheDir, env, signal: AbortSignal.abort() })).rejects.toThrow(/abort/);
  });
});
