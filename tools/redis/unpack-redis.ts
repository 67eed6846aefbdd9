import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { FindOptions, RedisProgram } from './find-redis.ts';

const execute = promisify(execFile);
const COMMAND_LIMIT_MS = 180_000;
const STALE_AFTER_MS = 60 * 60_000;

/** The server and the libraries that a slim Debian lacks (names of Debian 12). */
const PACKAGES = [
  'redis-server',
  'redis-tools',
  'libjemalloc2',
  'liblua5.1-0',
  'liblzf1',
  'lua-cjson',
  'lua-bitop',
  'libatomic1',
];

/**
 * Unpacks Debian's Redis into the cache without root: apt with lists and a cache of its own, then `dpkg -x`. It happens
 * in a folder of its own that takes its final name when complete, so that an interrupted run leaves nothing to trust.
 */
export async function unpackRedis({ cacheDir, say, signal, env = process.env }: FindOptions): Promise<RedisProgram> {
  const final = join(cacheDir, 'root');
  if (!existsSync(final)) {
    say?.('No Redis on PATH: unpacking the one of your distribution (first run only) ...');
    await mkdir(cacheDir, { recursive: true });
    await removeAbandoned(cacheDir);
    const work = await mkdtemp(join(cacheDir, `unpack-${Date.now()}-`));
    try {
      await unpackInto(work, { signal, env });
      await check(programIn(join(work, 'root')), { signal, env });
      // Fails when another run was faster: then that one is as good.
      await rename(join(work, 'root'), final).catch((error: unknown) => {
        if (!existsSync(final)) throw error;
      });
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  }
  const program = programIn(final);
  await check(program, { signal, env });
  return program;
}

function programIn(root: string): RedisProgram {
  const libraries = join(root, 'usr/lib', `${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`);
  return {
    path: join(root, 'usr/bin/redis-server'),
    source: 'redis-server of the distribution, unpacked',
    env: { LD_LIBRARY_PATH: [libraries, process.env['LD_LIBRARY_PATH']].filter(Boolean).join(':') },
  };
}

async function unpackInto(work: string, context: RunContext): Promise<void> {
  const debs = join(work, 'deb');
  for (const folder of ['lists/partial', 'cache/archives/partial', 'deb']) {
    await mkdir(join(work, folder), { recursive: true });
  }
  const settings = [
    `Dir::State::lists=${work}/lists`,
    `Dir::Cache=${work}/cache`,
    'Debug::NoLocking=1',
    'APT::Sandbox::User=',
  ];
  const apt = ['-qq', ...settings.flatMap((setting) => ['-o', setting])];
  await run('apt-get', [...apt, 'update'], { ...context, cwd: work });
  await run('apt-get', [...apt, 'download', ...PACKAGES], { ...context, cwd: debs });
  for (const deb of await readdir(debs)) {
    await run('dpkg', ['-x', join(debs, deb), join(work, 'root')], { ...context, cwd: work });
  }
}

async function check(program: RedisProgram, context: RunContext): Promise<void> {
  await run(program.path, ['--version'], { ...context, env: { ...context.env, ...program.env } });
}

/** Folders of runs that were killed: nobody unpacks for an hour. */
async function removeAbandoned(cacheDir: string): Promise<void> {
  for (const name of await readdir(cacheDir)) {
    const startedMs = Number(/^unpack-(\d+)-/.exec(name)?.[1] ?? Infinity);
    if (startedMs < Date.now() - STALE_AFTER_MS) await rm(join(cacheDir, name), { recursive: true, force: true });
  }
}

type RunContext = { signal: AbortSignal | undefined; env: NodeJS.ProcessEnv; cwd?: string };

async function run(command: string, args: string[], { signal, ...rest }: RunContext): Promise<void> {
  try {
    await execute(command, args, { ...rest, timeout: COMMAND_LIMIT_MS, ...(signal === undefined ? {} : { signal }) });
  } catch (error) {
    const { stderr = '', message } = error as { stderr?: string; message: string };
    throw new Error(`${command} ${args.at(-1)}: ${(stderr || message).trim().split('\n').slice(-3).join('; ')}`, {
      cause: error,
    });
  }
}
