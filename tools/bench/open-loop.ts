import { setTimeout as delay } from 'node:timers/promises';
import { createSeededRandom } from '@touchstone/fusion/seeded-random';

/**
 * Times in ms from the start at which requests are due: a Poisson stream of `perSecond`. It is the same for the same
 * seed, so that two systems are asked at the same moments.
 */
export function poissonTimes(perSecond: number, seconds: number, seed: number): number[] {
  const random = createSeededRandom(seed);
  const times: number[] = [];
  for (let at = 0; ;) {
    at += (-Math.log(1 - random()) * 1_000) / perSecond;
    if (at >= seconds * 1_000) return times;
    times.push(at);
  }
}

/**
 * Sends a request at each of the times, whether those before were answered or not. `send` gets the moment at which the
 * request was DUE, in ms of `performance.now()`: latency counts from there, so that a late start is not forgotten.
 * Resolves with the number of those that rejected when all have settled.
 */
export async function runOpenLoop(times: readonly number[], send: (dueMs: number) => Promise<void>): Promise<number> {
  const startMs = performance.now();
  let failed = 0;
  const all: Promise<void>[] = [];
  for (const time of times) {
    const waitMs = startMs + time - performance.now();
    if (waitMs > 0) await delay(waitMs);
    all.push(
      send(startMs + time).catch(() => {
        failed += 1;
      }),
    );
  }
  await Promise.all(all);
  return failed;
}
