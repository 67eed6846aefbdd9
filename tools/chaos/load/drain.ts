import { setTimeout as delay } from 'node:timers/promises';
import { PENDING_PREFIX, UNDELIVERED_PREFIX } from '@touchstone/shared/storage/keys';
import type { ObjectStore } from '@touchstone/shared/storage/object-store';

export type Drained = {
  /** Until nothing was pending any more; null: something still was at the limit. */
  drainMs: number | null;
  /** Until no webhook was owed any more. */
  webhookDrainMs: number | null;
};

const LOOK_EVERY_MS = 200;
const PAGE = 1;

/** Waits until every promise is kept, by the markers in the store. */
export async function waitForDrain(objects: ObjectStore, limitMs: number): Promise<Drained> {
  const startMs = performance.now();
  const drained: Drained = { drainMs: null, webhookDrainMs: null };
  const isEmpty = async (prefix: string) => (await objects.list(prefix, null, PAGE)).length === 0;
  const elapsedMs = () => Math.round(performance.now() - startMs);
  for (;;) {
    if (drained.drainMs === null && (await isEmpty(PENDING_PREFIX))) drained.drainMs = elapsedMs();
    // A webhook is owed before its detection stops being pending, so nothing can slip between the two looks.
    if (drained.drainMs !== null && (await isEmpty(UNDELIVERED_PREFIX))) drained.webhookDrainMs = elapsedMs();
    if (drained.webhookDrainMs !== null || elapsedMs() > limitMs) return drained;
    await delay(LOOK_EVERY_MS);
  }
}
