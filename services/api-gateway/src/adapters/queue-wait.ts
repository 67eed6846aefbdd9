import { settleWithin } from '@touchstone/shared/process/settle-within';
import { COMPLETION_WINDOWS_MS, type QueueLoad } from '@touchstone/shared/queue/queue-load';
import { estimateWaitMs } from '../core/estimate-wait.ts';
import { shareRecent } from './share-recent.ts';

/** How long a detection accepted now would wait, in ms; null when that cannot be told. */
export type QueueWait = (isHeld: boolean) => Promise<number | null>;

const FRESH_FOR_MS = 1_000;
const LIMIT_MS = 250;

/** Looks at the queues once a second at most, however many ask. Without Redis nothing is known. */
export function createQueueWait(readLoads: () => Promise<QueueLoad[]>): QueueWait {
  const recent = shareRecent(FRESH_FOR_MS, readLoads);
  return async (isHeld) => estimateWaitMs(await settleWithin(LIMIT_MS, recent(), []), isHeld, COMPLETION_WINDOWS_MS);
}
