import { closeSync, ftruncateSync, openSync, readdirSync, readFileSync, statSync } from 'node:fs';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { closeRedis, CONSUMER_OPTIONS, openRedis } from '@touchstone/shared/queue/redis-connection';
import { signalProcess } from '../../process-mark.ts';
import { prepareRedis } from '../../redis/private-redis.ts';
import { buildPreload } from '../faults/build-preload.ts';

const ROOT = join(import.meta.dirname, '../../..');
const SAMPLE_EVERY_MS = 50;
/** Without the preload: Redis syncs every second (`appendfsync everysec`), so what is older is safe. */
const SAFE_AGE_MS = 1_000;

/** The private Redis of `npm start`, with the same settings, that can be killed, started again and robbed of its power. */
export type ChaosRedis = {
  url: string;
  /** Of the socket, for proxies. */
  socketPath: string;
  /** A connection of the tool's own. */
  client: Redis;
  kill(): Promise<void>;
  /** After a kill: drops every byte that was not yet synced to disk, and says how many. */
  losePower(): number;
  start(): Promise<void>;
  close(): Promise<void>;
};

/** `dataDir` keeps the AOF; `folder` is for what the tool itself needs. */
export async function openChaosRedis(folder: string, dataDir: string): Promise<ChaosRedis> {
  const preload = buildPreload('synced-size', folder);
  const syncedSizeFile = join(folder, 'synced-size');
  const server = await prepareRedis({
    cacheDir: join(ROOT, '.tools/redis'),
    dataDir,
    ...(preload === null ? {} : { serverEnv: { LD_PRELOAD: preload, SYNCED_SIZE_FILE: syncedSizeFile } }),
  });
  const samples: { atMs: number; path: string; bytes: number }[] = [];
  let child: ChildProcess | null = null;
  let exited: Promise<void> = Promise.resolve();

  const sample = () => {
    const path = currentAof(dataDir);
    if (path === null) return;
    samples.push({ atMs: performance.now(), path, bytes: statSync(path).size });
    if (samples.length > 200) samples.splice(0, 100);
  };
  const sampling = setInterval(sample, SAMPLE_EVERY_MS);
  const start = async () => {
    const launched = server.launch('ignore');
    child = launched.child;
    exited = new Promise((resolve) => launched.child.once('exit', () => resolve()));
    await launched.ready;
  };
  /** What is safe, and of which file; null when nothing is known. */
  const syncedSize = (): { path: string; bytes: number } | null => {
    if (preload !== null) {
      const [size, path] = /^(\d+) (.+)\n/.exec(readFileSync(syncedSizeFile, 'utf8'))?.slice(1) ?? [];
      return path === undefined ? null : { path, bytes: Number(size) };
    }
    const safe = samples.findLast(({ atMs }) => atMs <= performance.now() - SAFE_AGE_MS);
    return safe === undefined || safe.path !== currentAof(dataDir) ? null : safe;
  };
  const kill = async () => {
    if (child?.pid !== undefined) signalProcess(child.pid, 'SIGKILL');
    await exited;
    child = null;
  };

  await start();
  const client = openRedis(server.url, CONSUMER_OPTIONS, () => undefined);
  return {
    url: server.url,
    socketPath: server.url.replace('unix://', ''),
    client,
    kill,
    losePower() {
      const synced = syncedSize();
      if (synced === null) return 0;
      const lostBytes = statSync(synced.path).size - synced.bytes;
      if (lostBytes <= 0) return 0;
      const file = openSync(synced.path, 'r+');
      ftruncateSync(file, synced.bytes);
      closeSync(file);
      return lostBytes;
    },
    start,
    async close() {
      clearInterval(sampling);
      await closeRedis(client);
      await kill();
      server.release();
    },
  };
}

/** A rewrite of the AOF makes a new file with a higher number. */
function currentAof(dataDir: string): string | null {
  try {
    const folder = join(dataDir, 'appendonlydir');
    const sequence = (name: string) => Number(/\.(\d+)\.incr\.aof$/.exec(name)?.[1] ?? 0);
    const files = readdirSync(folder).filter((name) => name.endsWith('.incr.aof'));
    const last = files.toSorted((a, b) => sequence(a) - sequence(b)).at(-1);
    return last === undefined ? null : join(folder, last);
  } catch {
    return null;
  }
}
