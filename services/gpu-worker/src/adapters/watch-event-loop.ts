import { monitorEventLoopDelay } from 'node:perf_hooks';
import { WORKER_SETTINGS } from '@touchstone/shared/queue/job-settings';
import type { Logger } from '@touchstone/shared/observe/logger';

const INTERVAL_MS = 10_000;
const LIMIT_MS = WORKER_SETTINGS.lockDuration / 4;
/** Fine enough for that limit; every tick wakes the process. */
const TICK_MS = 250;

/** Warns when the main thread stood still so long that BullMQ could lose its locks and run a job twice. */
export function watchEventLoop(logger: Logger): { close(): void } {
  const delay = monitorEventLoopDelay({ resolution: TICK_MS });
  delay.enable();
  const timer = setInterval(() => {
    const maxMs = delay.max / 1e6;
    if (maxMs > LIMIT_MS) logger.warn({ maxMs: Math.round(maxMs) }, 'the main thread was blocked: locks are in danger');
    delay.reset();
  }, INTERVAL_MS).unref();
  return {
    close() {
      clearInterval(timer);
      delay.disable();
    },
  };
}
