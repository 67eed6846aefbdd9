import { createWriteStream } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { signalGroup, signalProcess } from '../../process-mark.ts';
import { mean } from '../../bench/percentile.ts';
import type { Launched } from '../../start/supervised-process.ts';

const RESTART_MS = 50;
/** A start that takes longer hangs, and is tried anew. */
const START_LIMIT_MS = 90_000;

/** One process of the system under test, started again 50 ms after its end, whatever ended it. */
export type KeptRole = {
  name: string;
  /** Where it listens, once it has been ready; kept from life to life. */
  addresses(): Record<string, string>;
  /** Resolves when its present or next life is ready. */
  untilReady(): Promise<void>;
  /** Null while it is down. */
  pid(): number | null;
  /** By SIGKILL, the process alone; false when it is down already. */
  kill(): boolean;
  /** Of all its starts. */
  meanStartupMs(): number;
  lastStartupMs(): number;
  /** Lives, and the time that it was ready in all of them together. */
  uptime(): { lives: number; readyMs: number };
  /** Asks it to end and kills it after `graceMs`; it stays down. False when it had to be killed. */
  stop(graceMs: number): Promise<boolean>;
  /** Starts it again after a stop; with another environment when `launch` gives it one. */
  start(): void;
};

export function keepRole(
  name: string,
  logPath: string,
  launch: (previous: Record<string, string>) => Launched,
): KeptRole {
  const log = createWriteStream(logPath, { flags: 'a' });
  log.on('error', () => undefined);
  const startupsMs: number[] = [];
  let addresses: Record<string, string> = {};
  let pid: number | null = null;
  let isKept = false;
  let lives = 0;
  let readyMs = 0;
  let readySinceMs: number | null = null;
  let ready = Promise.withResolvers<void>();
  let ended: Promise<void> = Promise.resolve();

  const live = () => {
    const startMs = performance.now();
    const { child, ready: isReady } = launch(addresses);
    pid = child.pid ?? null;
    for (const stream of [child.stdout, child.stderr]) stream?.pipe(log, { end: false });
    const limit = setTimeout(() => child.kill('SIGKILL'), START_LIMIT_MS);
    void isReady.then((given) => {
      clearTimeout(limit);
      if (pid !== child.pid) return;
      addresses = given;
      readySinceMs = performance.now();
      startupsMs.push(readySinceMs - startMs);
      lives++;
      ready.resolve();
    });
    const end = Promise.withResolvers<void>();
    ended = end.promise;
    const onEnd = async () => {
      clearTimeout(limit);
      // What it spawned has lost its parent; the supervisor of `npm start` does the same.
      if (child.pid !== undefined) signalGroup(child.pid, 'SIGKILL');
      if (readySinceMs !== null) {
        readyMs += performance.now() - readySinceMs;
        ready = Promise.withResolvers<void>();
      }
      readySinceMs = null;
      pid = null;
      end.resolve();
      if (!isKept) return;
      await delay(RESTART_MS);
      if (isKept && pid === null) live();
    };
    child.once('exit', () => void onEnd());
    child.once('error', () => child.pid === undefined && void onEnd());
  };
  const start = () => {
    isKept = true;
    if (pid === null) live();
  };

  start();
  return {
    name,
    addresses: () => addresses,
    untilReady: () => ready.promise,
    pid: () => pid,
    kill: () => pid !== null && readySinceMs !== null && signalProcess(pid, 'SIGKILL'),
    meanStartupMs: () => mean(startupsMs),
    lastStartupMs: () => startupsMs.at(-1) ?? 0,
    uptime: () => ({
      lives,
      readyMs: readyMs + (readySinceMs === null ? 0 : performance.now() - readySinceMs),
    }),
    async stop(graceMs) {
      isKept = false;
      const stopping = pid;
      if (stopping === null) return true;
      signalProcess(stopping, 'SIGTERM');
      let isOrderly = true;
      const limit = setTimeout(() => {
        isOrderly = false;
        signalGroup(stopping, 'SIGKILL');
      }, graceMs);
      await ended;
      clearTimeout(limit);
      return isOrderly;
    },
    start,
  };
}
