import { fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { FromChild, ToChild } from './child-messages.ts';
import { UndecodableImageError } from './undecodable-image-error.ts';

/** The child died or was killed with a task in hand. */
export class ChildLostError extends Error {
  override readonly name = 'ChildLostError';
  /** It was killed because the task took too long. */
  readonly wasLate: boolean;
  constructor(reason: string, wasLate: boolean) {
    super(reason);
    this.wasLate = wasLate;
  }
}

export type ChildLimits = {
  /** A task that takes longer costs the child its life. */
  timeoutMs: number;
  /** So does one that makes it grow by more than this above its idle size, however briefly. */
  maxGrowthBytes: number;
};

/** One child, from its start to its end; it works on one task at a time. */
export type DisposableChild<Task, Answer> = {
  pid: number;
  /** Settles when the child is warm, or with what it printed when it could not start. */
  ready: Promise<void>;
  isAlive(): boolean;
  /** Tasks taken so far. */
  taken(): number;
  /** Rejects with UndecodableImageError, with ChildLostError, or with an error that is ours. */
  run(task: Task): Promise<Answer>;
  /** Kills it: there is nothing in it to save. */
  end(): Promise<void>;
};

const START_TIMEOUT_MS = 60_000;
const MEASURE_EVERY_MS = 100;
const STDERR_TAIL_CHARS = 2_000;
/** The child decodes hostile files: nothing else of the environment, such as an address or a secret, is its business. */
const INHERITED = ['PATH', 'HOME', 'TMPDIR', 'TZ', 'LD_LIBRARY_PATH', 'LD_PRELOAD', 'NODE_OPTIONS', 'SystemRoot'];

type Run<Answer> = {
  id: number;
  resolve: (answer: Answer) => void;
  reject: (error: Error) => void;
  /** Whether it has grown too much, up to now. */
  isTooLarge: () => boolean;
};

/** Starts a child whose program is `entry` and hands it `setup`; see `serve-tasks.ts` for its side. */
export function startDisposableChild<Task, Answer>(
  entry: URL,
  setup: unknown,
  limits: ChildLimits,
): DisposableChild<Task, Answer> {
  const inherited = INHERITED.map((name) => [name, process.env[name]]).filter(([, value]) => value !== undefined);
  const child = fork(entry, {
    serialization: 'advanced',
    // Fewer arenas fragment less: 292 against 194 MB after 128 photos (measured: performance.md section 4.3).
    // onnxruntime would keep a device id and a database of events under HOME, and send them (1.30).
    env: { ...Object.fromEntries(inherited), MALLOC_ARENA_MAX: '2', ORT_DISABLE_TELEMETRY: '1' },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const pid = child.pid ?? 0;
  const ready = Promise.withResolvers<void>();
  const exited = Promise.withResolvers<void>();
  let isAlive = true;
  let run: Run<Answer> | null = null;
  let runCount = 0;
  let killReason: string | null = null;
  let wasLate = false;
  let stderrTail = '';

  const kill = (reason: string) => {
    killReason ??= reason;
    child.kill('SIGKILL');
  };
  /** Whether the task at hand has made it too large: then it is killed. */
  const isKilledForSize = (): boolean => {
    const isTooLarge = run !== null && run.isTooLarge();
    if (isTooLarge) kill(`it grew by more than ${limits.maxGrowthBytes} bytes`);
    return isTooLarge;
  };
  const onEnd = (reason: string) => {
    if (!isAlive) return;
    isAlive = false;
    clearTimeout(startTimer);
    ready.reject(new Error(`a child could not start: ${reason}\n${stderrTail}`));
    run?.reject(new ChildLostError(killReason ?? reason, wasLate));
    exited.resolve();
  };
  const startTimer = setTimeout(() => kill('it was not warm in time'), START_TIMEOUT_MS);
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderrTail = (stderrTail + text).slice(-STDERR_TAIL_CHARS);
  });
  // 'close' comes after 'exit', when all that the child printed has arrived.
  child.on('close', (code, signal) => onEnd(`it ended with ${signal ?? `code ${code}`}`));
  child.on('error', (error) => {
    if (child.pid === undefined) onEnd(error.message);
  });
  child.on('message', (message: FromChild<Answer>) => {
    if (message.kind === 'ready') {
      clearTimeout(startTimer);
      return ready.resolve();
    }
    if (run === null || run.id !== message.id) return;
    switch (message.kind) {
      case 'answer':
        // What becomes of an image must not depend on whether the meter looked in time.
        return isKilledForSize() ? undefined : run.resolve(message.answer);
      case 'undecodable':
        return run.reject(new UndecodableImageError(message.message));
      case 'internal':
        return run.reject(new Error(`the child failed: ${message.message}`));
    }
  });
  ready.promise.catch(() => undefined);
  // A send that fails is followed by the end of the child.
  const send = (message: ToChild<unknown, Task>) => void child.send(message, () => undefined);
  send({ kind: 'setup', setup });

  return {
    pid,
    ready: ready.promise,
    isAlive: () => isAlive,
    taken: () => runCount,
    run(task) {
      const { promise, resolve, reject } = Promise.withResolvers<Answer>();
      if (!isAlive) return Promise.reject(new ChildLostError('it had ended', false));
      if (run !== null) return Promise.reject(new Error('a child takes one task at a time'));
      const id = ++runCount;
      run = { id, resolve, reject, isTooLarge: meterOf(pid, limits.maxGrowthBytes) };
      const timer = setTimeout(() => {
        wasLate = killReason === null;
        kill(`it took more than ${limits.timeoutMs} ms`);
      }, limits.timeoutMs);
      const meter = setInterval(isKilledForSize, MEASURE_EVERY_MS);
      send({ kind: 'task', id, task });
      return promise.finally(() => {
        clearTimeout(timer);
        clearInterval(meter);
        run = null;
      });
    },
    end() {
      if (isAlive) kill('it was ended');
      return exited.promise;
    },
  };
}

/** Tells whether a process has been larger since now, for however short, than it is now and `maxGrowthBytes`. */
function meterOf(pid: number, maxGrowthBytes: number): () => boolean {
  const idle = memoryOf(pid);
  return () => {
    const now = memoryOf(pid);
    if (idle === null || now === null) return false;
    // The peak is that of its whole life: only one that has risen is of this task.
    const bytes = now.peakBytes > idle.peakBytes ? now.peakBytes : now.residentBytes;
    return bytes - idle.residentBytes > maxGrowthBytes;
  };
}

/** Null where there is no /proc. Sizes in kB, because Node cannot tell the page size that `statm` counts in. */
function memoryOf(pid: number): { residentBytes: number; peakBytes: number } | null {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    const bytesOf = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * 1_024;
    const sizes = { residentBytes: bytesOf('VmRSS'), peakBytes: bytesOf('VmHWM') };
    return Number.isNaN(sizes.residentBytes + sizes.peakBytes) ? null : sizes;
  } catch {
    return null;
  }
}
