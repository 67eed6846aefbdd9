import type { Logger } from '@touchstone/shared/observe/logger';
import type { LeaderLock } from './leader-lock.ts';

/** Sweeps in turn with the other aggregators: the next sweep starts one interval after the last has ended. */
export function startSweeping<Report>(options: {
  sweep(mayGoOn: () => Promise<boolean>): Promise<Report>;
  lock: LeaderLock;
  intervalMs: number;
  /** Null: another process sweeps now. */
  onReport(report: Report | null): void;
  logger: Logger;
}): { close(): Promise<void> } {
  let timer: NodeJS.Timeout | undefined;
  let round: Promise<void> = Promise.resolve();
  let closed = false;
  const turn = async () => {
    try {
      // A long round renews the lock as it goes, and ends when another has it or the process stops.
      const mayGoOn = async () => !closed && (await options.lock.hold());
      options.onReport((await options.lock.hold()) ? await options.sweep(mayGoOn) : null);
    } catch (error) {
      options.logger.warn({ err: error }, 'sweep put off: Redis or the object store did not answer');
    }
    if (!closed) schedule();
  };
  const schedule = () => {
    timer = setTimeout(() => {
      round = turn();
    }, options.intervalMs);
  };
  schedule();
  return {
    async close() {
      closed = true;
      clearTimeout(timer);
      await round;
      await options.lock.release().catch(() => undefined);
    },
  };
}
