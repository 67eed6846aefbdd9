import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { asError } from '@touchstone/shared/process/error-code';
import { markProcess, signalGroup, type ProcessMark } from '../process-mark.ts';
import { isTelling } from './console-line.ts';
import { decideRestart } from './restart-policy.ts';
import type { ProcessReport, ProcessState } from './run-file.ts';

/** A process that has not said that it is ready for so long hangs. */
const READY_LIMIT_MS = 120_000;
/** Until then nobody wonders. */
const SLOW_AFTER_MS = 30_000;
const REMEMBERED_LINES = 12;
/** Last words may still be in the pipe when a process has ended; they come within milliseconds. */
const LAST_WORDS_LIMIT_MS = 100;

/** A process just started, and its word that it is ready. `ready` never settles for one that ends before. */
export type Launched = { child: ChildProcess; ready: Promise<Record<string, string>> };

export type ProcessEvents = {
  /** Something in the report changed. */
  onChange(): void;
  onReady(restarts: number): void;
  /** It takes long, and will be ended when it is not ready within `limitMs` of its launch. */
  onSlowStart(afterMs: number, limitMs: number): void;
  onEnd(how: string, delayMs: number): void;
  onLine(stream: 'stdout' | 'stderr', line: string): void;
};

/** How a role ended before it had been ready once, as often as is allowed. */
export type FailedStart = { role: string; reason: string; lastLines: readonly string[] };

export type SupervisedProcess = {
  report(): ProcessReport;
  /** Null once it has been ready, or what kept it from that. */
  readonly started: Promise<FailedStart | null>;
  /** Asks it to end and waits until it has; it is not started again. */
  stop(): Promise<void>;
  /** Ends it and what it spawned at once. */
  kill(): void;
};

/**
 * Keeps one process running: the moment it ends it is launched again, with the addresses that it had. A `launch` that
 * throws (no memory, no descriptors) counts as a life that ended at once. `isHopeless` says of its last lines that
 * trying again at once is no use.
 */
export function superviseProcess(options: {
  role: string;
  launch(previous: Record<string, string>): Launched;
  isHopeless(lastLines: readonly string[]): boolean;
  events: ProcessEvents;
  readyLimitMs?: number | undefined;
  slowAfterMs?: number;
}): SupervisedProcess {
  const { role, events, readyLimitMs = READY_LIMIT_MS, slowAfterMs = SLOW_AFTER_MS } = options;
  const started = Promise.withResolvers<FailedStart | null>();
  const ended = Promise.withResolvers<void>();
  let child: ChildProcess | null = null;
  let mark: ProcessMark | null = null;
  let state: ProcessState = 'starting';
  let addresses: Record<string, string> = {};
  let restarts = 0;
  let shortLives = 0;
  let hasBeenReady = false;
  let stopping = false;
  let restartTimer: NodeJS.Timeout | undefined;

  const launch = (): void => {
    let launched: Launched;
    try {
      launched = options.launch(addresses);
    } catch (error) {
      return goOn(`not launched: ${asError(error).message}`, null, []);
    }
    const current = launched.child;
    const lastLines: string[] = [];
    let readyAtMs: number | null = null;
    child = current;
    mark = current.pid === undefined ? null : markProcess(current.pid);
    const limit = setTimeout(() => {
      lastLines.push(`not ready after ${readyLimitMs / 1_000} s: ended by the supervisor`);
      kill();
    }, readyLimitMs);
    const slow = setTimeout(() => events.onSlowStart(slowAfterMs, readyLimitMs), slowAfterMs);
    readLines(current, (stream, line) => {
      if ((stream === 'stderr' || !line.startsWith('{')) && isTelling(line)) lastLines.push(line);
      if (lastLines.length > REMEMBERED_LINES) lastLines.shift();
      events.onLine(stream, line);
    });
    launched.ready.then(
      (given) => {
        if (child !== current) return;
        clearTimeout(limit);
        clearTimeout(slow);
        readyAtMs = performance.now();
        addresses = given;
        state = 'ready';
        hasBeenReady = true;
        events.onChange();
        events.onReady(restarts);
        started.resolve(null);
      },
      (error: unknown) => lastLines.push(asError(error).message),
    );
    const closed = new Promise((resolve) => current.once('close', resolve));
    const onEnd = async (how: string) => {
      if (child !== current) return;
      const readyForMs = readyAtMs === null ? null : performance.now() - readyAtMs;
      child = null;
      mark = null;
      if (!stopping) {
        state = 'restarting';
        events.onChange();
      }
      clearTimeout(limit);
      clearTimeout(slow);
      // What it spawned has lost its parent.
      if (current.pid !== undefined) signalGroup(current.pid, 'SIGKILL');
      await Promise.race([closed, delay(LAST_WORDS_LIMIT_MS)]);
      goOn(how, readyForMs, lastLines);
    };
    current.once('exit', (code, signal) => void onEnd(signal === null ? `exit code ${code}` : `signal ${signal}`));
    current.on('error', (error) => {
      if (current.pid === undefined) void onEnd(error.message);
    });
    events.onChange();
  };

  /** What follows a life that ended: the next one, or the end of all when it never was of any use. */
  const goOn = (how: string, readyForMs: number | null, lastLines: readonly string[]): void => {
    if (stopping) return ended.resolve();
    const decision = decideRestart(shortLives, readyForMs);
    shortLives = decision.shortLives;
    if (!hasBeenReady && (decision.tooMany || options.isHopeless(lastLines))) {
      stopping = true;
      ended.resolve();
      return started.resolve({ role, reason: how, lastLines });
    }
    restarts += 1;
    events.onEnd(how, decision.delayMs);
    if (decision.delayMs === 0) return launch();
    restartTimer = setTimeout(launch, decision.delayMs);
    events.onChange();
  };

  const kill = () => {
    if (child?.pid !== undefined) signalGroup(child.pid, 'SIGKILL');
  };

  launch();
  return {
    report: () => ({ role, pid: mark?.pid ?? null, born: mark?.born ?? null, state, restarts, addresses }),
    started: started.promise,
    async stop() {
      stopping = true;
      clearTimeout(restartTimer);
      if (child === null) ended.resolve();
      else child.kill('SIGTERM');
      await ended.promise;
    },
    kill() {
      stopping = true;
      clearTimeout(restartTimer);
      if (child === null) ended.resolve();
      kill();
    },
  };
}

function readLines(child: ChildProcess, onLine: ProcessEvents['onLine']): void {
  for (const stream of ['stdout', 'stderr'] as const) {
    const input = child[stream];
    if (input !== null) createInterface({ input, crlfDelay: Infinity }).on('line', (line) => onLine(stream, line));
  }
}
