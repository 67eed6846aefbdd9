import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { asError } from '@touchstone/shared/process/error-code';
import { signalProcess } from '../process-mark.ts';
import { findRedis, type FindOptions } from './find-redis.ts';
import { guardRedis } from './guard-redis.ts';
import { removeRedisOwner, SOCKET_DIR_PREFIX, takeOverRedis, writeRedisOwner } from './redis-owner.ts';

const START_LIMIT_MS = 30_000;
const STOP_LIMIT_MS = 10_000;
const ASK_LIMIT_MS = 2_000;
const ASK_EVERY_MS = 15;
/** Services whose supervisor was killed close within 25 s (run-service.ts). */
const ORPHAN_SECONDS = 26;
/** sockaddr_un holds 108 bytes, and `/ts-redis-XXXXXX/r.sock` follows. */
const MAX_TEMP_DIR_BYTES = 80;

/** A server that can be launched again and again at one address. */
export type RedisServer = {
  url: string;
  source: string;
  /** True when the server of a killed run had to be ended first. */
  tookOver: boolean;
  launch(output: 'pipe' | 'ignore'): { child: ChildProcess; ready: Promise<void> };
  /** After the last process has ended: takes its socket and its claim on the data away. */
  release(): void;
};

/** `dataDir` undefined means nothing is kept. `serverEnv` goes to the server on top of our own environment. */
export async function prepareRedis(
  options: FindOptions & { dataDir?: string | undefined; serverEnv?: NodeJS.ProcessEnv },
): Promise<RedisServer> {
  const program = await findRedis(options);
  const base = Buffer.byteLength(tmpdir()) <= MAX_TEMP_DIR_BYTES ? tmpdir() : '/tmp';
  const socketDir = mkdtempSync(join(base, SOCKET_DIR_PREFIX));
  const socket = join(socketDir, 'r.sock');
  const dir = options.dataDir ?? socketDir;
  let tookOver: boolean;
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    tookOver = await takeOverRedis(dir);
  } catch (error) {
    rmSync(socketDir, { recursive: true, force: true });
    throw error;
  }
  const settings = {
    port: '0',
    unixsocket: socket,
    unixsocketperm: '700',
    dir,
    save: '',
    appendonly: options.dataDir === undefined ? 'no' : 'yes',
    appendfsync: 'everysec',
    // Lock keys carry a TTL and would be the first to be evicted.
    'maxmemory-policy': 'noeviction',
    loglevel: 'warning',
  };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  return {
    url: `unix://${socket}`,
    source: program.source,
    tookOver,
    launch(output) {
      const child = spawn(program.path, args, {
        stdio: ['ignore', output, output],
        env: { ...process.env, ...program.env, ...options.serverEnv },
        // Ctrl-C reaches a whole process group; Redis has to outlive the services.
        detached: true,
      });
      try {
        if (child.pid !== undefined) {
          child.once('exit', guardRedis(child.pid, socketDir, options.dataDir === undefined ? 0 : ORPHAN_SECONDS));
          writeRedisOwner(dir, child.pid, socketDir);
        }
      } catch (error) {
        // Without its mark the next run would open a second server on its data. It fails as one that never answered,
        // and not by a throw: nobody launches another one before it has ended.
        child.kill('SIGKILL');
        return { child, ready: Promise.reject(asError(error)) };
      }
      return { child, ready: untilAnswering(socket, child) };
    },
    release() {
      removeRedisOwner(dir);
      rmSync(socketDir, { recursive: true, force: true });
    },
  };
}

export type PrivateRedis = { url: string; source: string; stop(): Promise<void> };

/** The Redis of a test run: the one at `url`, else a private one that keeps nothing. */
export async function openPrivateRedis(options: { cacheDir: string; url?: string | undefined }): Promise<PrivateRedis> {
  if (options.url) return { url: options.url, source: 'given', stop: async () => {} };
  const server = await prepareRedis({
    cacheDir: options.cacheDir,
    say: (text) => process.stderr.write(`${text}\n`),
  });
  const { child, ready } = server.launch('ignore');
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()).once('error', () => resolve()));
  const end = () => child.kill('SIGKILL');
  process.once('exit', end);
  try {
    await ready;
  } catch (error) {
    end();
    server.release();
    throw error;
  }
  child.unref();
  return {
    url: server.url,
    source: server.source,
    async stop() {
      process.off('exit', end);
      child.ref();
      child.kill('SIGTERM');
      const limit = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
      await exited;
      clearTimeout(limit);
      server.release();
    },
  };
}

/** A server that loads a long AOF answers `-LOADING`: it gets the time it needs as long as it answers. */
async function untilAnswering(socket: string, child: ChildProcess): Promise<void> {
  let failure: Error | undefined;
  child.once('error', (error) => (failure = error));
  child.once('exit', (code, signal) => (failure = new Error(`Redis ended (${signal ?? `exit code ${code}`})`)));
  for (let deadline = Date.now() + START_LIMIT_MS; ;) {
    const answer = await askRedis(socket, 'PING');
    if (failure !== undefined) throw failure;
    if (answer.startsWith('+PONG')) return;
    if (answer.startsWith('-LOADING')) deadline = Date.now() + START_LIMIT_MS;
    if (Date.now() > deadline) {
      if (child.pid !== undefined) signalProcess(child.pid, 'SIGKILL');
      throw new Error(`Redis did not answer within ${START_LIMIT_MS / 1_000} s`);
    }
    await delay(ASK_EVERY_MS);
  }
}

/** First words of the answer to an inline command; empty when nobody answers. */
function askRedis(socket: string, command: string): Promise<string> {
  return new Promise((resolve) => {
    const client = connect(socket);
    client.setTimeout(ASK_LIMIT_MS, () => client.destroy());
    client.once('connect', () => client.write(`${command}\r\n`));
    client.once('data', (data) => {
      resolve(String(data));
      client.destroy();
    });
    client.once('error', () => resolve(''));
    client.once('close', () => resolve(''));
  });
}
