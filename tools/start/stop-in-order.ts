import type { SupervisedProcess } from './supervised-process.ts';

/** Of all of it; what is left of it at the end belongs to Redis, which is in the last stage. */
const STOP_LIMIT_MS = 30_000;
const LAST_STAGE_MS = 4_000;

/**
 * Stops stage after stage. When the time is up, or when `now` aborts, everything that is left is killed. True when
 * nothing had to be.
 */
export async function stopInOrder(
  stages: readonly (readonly SupervisedProcess[])[],
  now: AbortSignal,
  limitMs: number = STOP_LIMIT_MS,
): Promise<boolean> {
  const lastStageMs = Math.min(LAST_STAGE_MS, limitMs / 4);
  const endMs = performance.now() + limitMs;
  let orderly = true;
  for (const [i, stage] of stages.entries()) {
    const reserveMs = i < stages.length - 1 ? lastStageMs : 0;
    const limit = AbortSignal.any([
      now,
      AbortSignal.timeout(Math.max(0, Math.round(endMs - reserveMs - performance.now()))),
    ]);
    const stopped = Promise.all(stage.map((process) => process.stop()));
    const aborted = new Promise<'aborted'>((resolve) => {
      if (limit.aborted) resolve('aborted');
      limit.addEventListener('abort', () => resolve('aborted'));
    });
    if ((await Promise.race([stopped, aborted])) === 'aborted') {
      orderly = false;
      for (const process of stage) process.kill();
      await stopped;
    }
  }
  return orderly;
}
