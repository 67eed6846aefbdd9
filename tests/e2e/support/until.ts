import { setTimeout as delay } from 'node:timers/promises';

/** Asks again and again until `condition` holds; fails after the limit. */
export async function until(condition: () => Promise<boolean>, limitMs = 30_000): Promise<void> {
  const deadline = AbortSignal.timeout(limitMs);
  while (!(await condition())) {
    deadline.throwIfAborted();
    await delay(50);
  }
}
