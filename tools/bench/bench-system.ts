import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { readRunFile, type RunFile } from '../start/run-file.ts';
import { cpuMsOfTree, residentBytesOfTree, type TreeUse } from './cpu-of-process.ts';

const ROOT = join(import.meta.dirname, '../..');
const READY_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 35_000;
/** A day: the bench overloads on purpose, and admission would refuse it (contract.md section 7: admission off). */
const NO_ADMISSION_MS = 86_400_000;
/** What the processes get of the caller's environment: no setting and no key of theirs may change the figures. */
const INHERITED = ['PATH', 'HOME', 'TMPDIR', 'LD_LIBRARY_PATH', 'LD_PRELOAD', 'NODE_OPTIONS'];

/** The whole system as `npm start` runs it: its own processes, Redis, and directory store. */
export type BenchSystem = {
  url: string;
  redisUrl: string;
  /** Of the object store. */
  objectsDir: string;
  /** CPU time in ms of every role until now, by name; preparers and Redis are roles of their own. */
  cpuMs(): RoleUse;
  residentBytes(): RoleUse;
  /** Throws when a process was started again: what was measured then is not what it seems. */
  assertUnbroken(): void;
  stop(): Promise<void>;
};

export type RoleUse = Record<string, number>;
const APART = new Set(['redis', 'supervisor']);

/** What counts of a use: everything but Redis and the supervisor, which are told apart. */
export const sumOfRoles = (use: RoleUse): number =>
  Object.entries(use).reduce((sum, [role, value]) => (APART.has(role) ? sum : sum + value), 0);

export const useBetween = (before: RoleUse, after: RoleUse): RoleUse =>
  Object.fromEntries(Object.entries(after).map(([role, value]) => [role, value - (before[role] ?? 0)]));

/** Starts it with one whole-image bundle and its data in `folder`, and waits until every role is ready. */
export async function startBenchSystem(
  folder: string,
  bundlePath: string,
  env: Record<string, string> = {},
): Promise<BenchSystem> {
  const dataDir = await mkdtemp(join(folder, 'system-'));
  const inherited = INHERITED.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const child = spawn(process.execPath, ['--conditions=@touchstone/source', 'tools/start/main.ts'], {
    cwd: ROOT,
    // The supervisor stops when its channel closes: nothing outlives a bench that is killed.
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: {
      ...Object.fromEntries(inherited),
      NODE_COMPILE_CACHE: join(ROOT, '.tools/compile-cache'),
      HOST: '127.0.0.1',
      PORT: '0',
      OPS_PORT: '0',
      METRICS_PORT: '0',
      DATA_DIR: dataDir,
      DETECTORS: 'distildire',
      WORKER_SLOTS: 'distildire',
      MODEL_DISTILDIRE_PATH: bundlePath,
      MAX_QUEUE_WAIT_MS: String(NO_ADMISSION_MS),
      ...env,
    },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (data) => (output = (output + String(data)).slice(-20_000)));
  }
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const stop = async () => {
    child.kill('SIGTERM');
    const limit = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
    await exited;
    clearTimeout(limit);
    await rm(dataDir, { recursive: true, force: true });
  };

  const runFile = (): RunFile | null => readRunFile(join(dataDir, 'run.json'));
  const isReady = (run: RunFile | null): run is RunFile =>
    run !== null && run.processes.length > 1 && run.processes.every(({ state }) => state === 'ready');
  try {
    const deadline = Date.now() + READY_LIMIT_MS;
    let run = runFile();
    while (!isReady(run)) {
      const hasEnded = child.exitCode !== null || child.signalCode !== null;
      if (hasEnded || Date.now() > deadline) throw new Error(`the system did not come up:\n${output}`);
      await delay(20);
      run = runFile();
    }
    const { addresses, processes, redis_url: redisUrl } = run;
    const useOf = (read: (pid: number) => TreeUse): RoleUse => {
      const use: RoleUse = { supervisor: read(child.pid!).own };
      for (const { role, pid } of processes) {
        const { own, children } = read(pid!);
        use[role] = own;
        if (role === 'gpu-worker') use['preparers'] = children;
        else use[role] += children;
      }
      return use;
    };
    return {
      url: addresses['public']!.replace(/\/$/, ''),
      redisUrl,
      objectsDir: join(dataDir, 'objects'),
      cpuMs: () => useOf(cpuMsOfTree),
      residentBytes: () => useOf(residentBytesOfTree),
      assertUnbroken() {
        const broken = runFile()?.processes.filter(({ restarts }) => restarts > 0) ?? [];
        if (broken.length > 0) throw new Error(`${broken.map(({ role }) => role).join(', ')} died under the bench`);
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
