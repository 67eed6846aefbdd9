import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type PrivateRedis = { url: string; source: string; stop(): Promise<void> };
type Program = { bin: string; libraries?: string };

const debs = [
  'redis-server',
  'redis-tools',
  'libjemalloc2',
  'liblua5.1-0',
  'liblzf1',
  'lua-cjson',
  'lua-bitop',
  'libatomic1',
];
const onPath = (bin: string) => spawnSync('sh', ['-c', `command -v ${bin}`]).status === 0;
const run = (command: string, args: string[], cwd?: string) => {
  const { status, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.at(-1)} failed: ${error?.message ?? stderr}`);
};

/** Unpacks Debian's Redis into `dir` without root: its own apt lists and cache, then `dpkg -x`. */
function unpackFromApt(dir: string): Program {
  const libraries = join(dir, 'root/usr/lib', `${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`);
  const program = { bin: join(dir, 'root/usr/bin/redis-server'), libraries };
  if (existsSync(program.bin)) return program;
  for (const sub of ['lists/partial', 'cache/archives/partial', 'deb']) mkdirSync(join(dir, sub), { recursive: true });
  const options = [
    `Dir::State::lists=${dir}/lists`,
    `Dir::Cache=${dir}/cache`,
    'Debug::NoLocking=1',
    'APT::Sandbox::User=',
  ];
  const apt = ['-qq', ...options.flatMap((o) => ['-o', o])];
  run('apt-get', [...apt, 'update']);
  run('apt-get', [...apt, 'download', ...debs], join(dir, 'deb'));
  for (const file of readdirSync(join(dir, 'deb'))) run('dpkg', ['-x', join(dir, 'deb', file), join(dir, 'root')]);
  return program;
}

function findRedis(cache: string): Program {
  for (const bin of ['valkey-server', 'redis-server', 'keydb-server']) if (onPath(bin)) return { bin };
  if (onPath('apt-get') && onPath('dpkg')) return unpackFromApt(cache);
  throw new Error('No Redis. Set REDIS_URL, or install one: apt-get install redis-server, brew install valkey.');
}

const ask = (socket: string, command: string): Promise<string> =>
  new Promise((resolve) => {
    const client = connect(socket);
    client.once('error', () => resolve(''));
    client.once('connect', () => client.write(`${command}\r\n`));
    client.once('data', (data) => resolve(String(data)));
    client.once('close', () => resolve(''));
    client.setTimeout(2_000, () => client.destroy());
  });

const alive = (pid: number) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

/** Two servers appending to one AOF corrupt it: refuse a second run, end a Redis whose run was killed. */
async function takeOver(owner: string): Promise<void> {
  if (!existsSync(owner)) return;
  const { pid, socket } = JSON.parse(readFileSync(owner, 'utf8')) as { pid: number; socket: string };
  if (!(await ask(socket, 'PING'))) return;
  if (alive(pid)) throw new Error(`already running here as process ${pid}`);
  await ask(socket, 'SHUTDOWN');
  while (await ask(socket, 'PING')) await new Promise((resolve) => setTimeout(resolve, 50));
}

/**
 * The Redis this run uses: REDIS_URL, else a private child on a unix socket.
 * `dataDir` undefined means nothing is kept (tests).
 */
export async function openPrivateRedis(options: {
  cacheDir: string;
  dataDir?: string;
  url?: string | undefined;
}): Promise<PrivateRedis> {
  if (options.url) return { url: options.url, source: 'REDIS_URL', stop: async () => {} };
  const { bin, libraries } = findRedis(options.cacheDir);
  // A unix socket path must stay under 108 bytes, so it never goes below the clone.
  const runDir = mkdtempSync(join(tmpdir(), 'ts-redis-'));
  const socket = join(runDir, 'r.sock');
  const dir = options.dataDir ?? runDir;
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  await takeOver(join(dir, 'owner.json'));
  writeFileSync(join(dir, 'owner.json'), JSON.stringify({ pid: process.pid, socket }));
  const keep = options.dataDir ? ['--appendonly', 'yes', '--appendfsync', 'everysec'] : ['--appendonly', 'no'];
  const settings = [
    '--port',
    '0',
    '--unixsocket',
    socket,
    '--unixsocketperm',
    '700',
    '--dir',
    dir,
    '--save',
    '',
    ...keep,
  ];
  const env = libraries ? { ...process.env, LD_LIBRARY_PATH: libraries } : process.env;
  const child: ChildProcess = spawn(bin, [...settings, '--maxmemory-policy', 'noeviction', '--loglevel', 'warning'], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env,
    detached: true, // Ctrl-C reaches the services first; we stop Redis last
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()).once('error', () => resolve()));
  for (const deadline = Date.now() + 30_000; ;) {
    if ((await ask(socket, 'PING')).startsWith('+PONG')) break;
    if (child.exitCode !== null || Date.now() > deadline)
      throw new Error(`${bin} did not start (exit ${child.exitCode})`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  child.unref();
  return {
    url: `unix://${socket}`,
    source: bin,
    async stop() {
      child.ref();
      child.kill('SIGTERM');
      await exited;
      rmSync(runDir, { recursive: true, force: true });
    },
  };
}
