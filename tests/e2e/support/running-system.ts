import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isRunning } from '../../../tools/process-mark.ts';
import { readRunFile, type RunFile } from '../../../tools/start/run-file.ts';

const ROOT = join(import.meta.dirname, '../../..');
const READY_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 35_000;

/** The whole system as `npm start` runs it, on free ports and data of its own. */
export type RunningSystem = {
  /** Of the public door, without a slash at the end. */
  url: string;
  dataDir: string;
  runFile(): Promise<RunFile>;
  /** Waits until the role is ready. */
  pidOf(role: string): Promise<number>;
  /** What the console and the log files say. */
  logs(): Promise<string>;
  /** Stops it in order and takes its data away; returns the exit code. May be called again. */
  stop(): Promise<number | null>;
};

export type StartOptions = {
  env?: Record<string, string>;
  /** Data that outlives the system: it is the caller's to remove. */
  dataDir?: string;
};

/** A shell that is set up to run a system, with its bucket and its models, must not lend them to a test. */
const INHERITED = [
  'PATH',
  'HOME',
  'TMPDIR',
  'TZ',
  'LANG',
  'LD_LIBRARY_PATH',
  'ORT_DISABLE_TELEMETRY',
  'NODE',
  'NODE_COMPILE_CACHE',
];
const inherited = () =>
  Object.fromEntries(INHERITED.map((name) => [name, process.env[name]]).filter(([, value]) => value !== undefined));

/** The supervisor as a process that has not said yet whether it comes up. */
export function spawnSupervisor(dataDir: string, env: Record<string, string> = {}) {
  const child = spawn(process.execPath, ['--conditions=@touchstone/source', 'tools/start/main.ts'], {
    cwd: ROOT,
    // The supervisor stops when its channel closes: nothing outlives a test run that is killed.
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { ...inherited(), PORT: '0', OPS_PORT: '0', METRICS_PORT: '0', DATA_DIR: dataDir, ...env },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (data) => (output += String(data)));
  const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  return { child, exited, output: () => output };
}

/** Resolves when every role is ready. */
export async function startSystem(options: StartOptions = {}): Promise<RunningSystem> {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'touchstone-e2e-')));
  const supervisor = spawnSupervisor(dataDir, options.env);
  const runFilePath = join(dataDir, 'run.json');
  let stopped: Promise<number | null> | undefined;

  const stop = async () => {
    supervisor.child.kill('SIGTERM');
    const limit = setTimeout(() => supervisor.child.kill('SIGKILL'), STOP_LIMIT_MS);
    const code = await supervisor.exited;
    clearTimeout(limit);
    if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
    return code;
  };
  /** Asks the run file until `find` finds what it looks for. */
  const waitFor = async <T>(what: string, find: (run: RunFile) => T | undefined): Promise<T> => {
    const deadline = Date.now() + READY_LIMIT_MS;
    for (;;) {
      const run = readRunFile(runFilePath);
      const found = run === null || run.supervisor.pid !== supervisor.child.pid ? undefined : find(run);
      if (found !== undefined) return found;
      const ended = supervisor.child.exitCode !== null || supervisor.child.signalCode !== null;
      if (ended || Date.now() > deadline) throw new Error(`${what}: not so.\n${supervisor.output()}`);
      await delay(20);
    }
  };

  try {
    const url = await waitFor('every role is ready', ({ processes, addresses }) =>
      processes.length > 1 && processes.every(({ state }) => state === 'ready') ? addresses['public'] : undefined,
    );
    return {
      url: url.replace(/\/$/, ''),
      dataDir,
      runFile: () => waitFor('there is a run file', (run) => run),
      pidOf: (role) =>
        waitFor(`${role} is ready`, ({ processes }) => {
          const { pid, born, state } = processes.find((each) => each.role === role) ?? {};
          // The supervisor may not have noticed yet that a process is gone.
          return pid && born && state === 'ready' && isRunning({ pid, born }) ? pid : undefined;
        }),
      async logs() {
        const folder = join(dataDir, 'logs');
        const files = await Promise.all((await readdir(folder)).map((name) => readFile(join(folder, name), 'utf8')));
        return [supervisor.output(), ...files].join('\n');
      },
      stop: () => (stopped ??= stop()),
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
