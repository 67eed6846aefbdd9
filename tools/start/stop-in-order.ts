import { whenAborted } from './stop-signals.ts';
import type { SupervisedProcess } from './supervised-process.ts';

/** Of all of it. */
const STOP_LIMIT_MS = 30_000;
/** What a stage that hangs leaves to each one after it. */
const STAGE_MS = 4_000;

/**
 * Stops stage after stage. When the time is up, or when `now` aborts, everything that is left is killed. True when
 * nothing had to be.
 */
export async function stopInOrder(
  stages: readonly (readonly SupervisedProcess[])[],
  now: AbortSignal,
  limitMs: number = STOP_LIMIT_MS,
): Promise<boolean> {
  const stageMs = Math.min(STAGE_MS, limitMs / 4);
  const endMs = performance.now() + limitMs;
  let orderly = true;
  for (const [i, stage] of stages.entries()) {
    const reserveMs = stageMs * (stages.length - 1 - i);
    const stopped = Promise.all(stage.map((process) => process.stop())).then(() => true);
    const timeUp = Promise.withResolvers<false>();
    const limit = setTimeout(timeUp.resolve, endMs - reserveMs - performance.now(), false);
    const told = whenAborted(now).then(() => false);
    if (!(await Promise.race([stopped, timeUp.promise, told]))) {
      orderly = false;
      for (const process of stage) process.kill();
      await stopped;
    }
    clearTimeout(limit);
  }
  return orderly;
}
