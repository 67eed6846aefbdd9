import { receiverOf } from '@touchstone/shared/contracts/webhook';
import type { Logger } from '@touchstone/shared/observe/logger';
import type { DetectionJobs, FlowState } from '@touchstone/shared/queue/detection-jobs';
import { UNDELIVERED_PREFIX, type RevisionRef } from '@touchstone/shared/storage/keys';
import type { ObjectStore } from '@touchstone/shared/storage/object-store';
import type { DeliveryLog } from '@touchstone/shared/webhooks/delivery-log';
import type { DetectionRecords } from './adapters/detection-records.ts';
import { dueMarkers } from './core/due-markers.ts';
import { forEachOf } from './core/for-each-of.ts';
import type { Rests } from './core/rests.ts';

export type UndeliveredDeps = {
  store: ObjectStore;
  records: DetectionRecords;
  log: DeliveryLog;
  jobs: Pick<DetectionJobs, 'deliveryStates' | 'addDelivery'>;
  /** A delivery was enqueued again. */
  onRequeued(): void;
  logger: Logger;
  clocks: { minAgeMs: number; coolDownMs: number };
  /** What was enqueued lately; see the sweeper of pending detections. */
  rests: Rests;
  nowMs(): number;
};

/** What a round saw, for the metrics. */
export type UndeliveredReport = { undelivered: number; oldestAgeMs: number };

const PAGE = 500;
const AT_ONCE = 16;

/**
 * Enqueues every owed webhook again that Redis has forgotten or given up. A job that waits for its next attempt is
 * underway, however long it waits.
 */
export function createUndeliveredSweeper(
  deps: UndeliveredDeps,
): (mayGoOn: () => Promise<boolean>) => Promise<UndeliveredReport> {
  const { store, jobs, clocks, rests } = deps;
  const isResting = (key: string) => rests.has(key);

  return async (mayGoOn) => {
    rests.forgetPast();
    const report: UndeliveredReport = { undelivered: 0, oldestAgeMs: 0 };
    for (let after: string | null = null; await mayGoOn();) {
      const page = await store.list(UNDELIVERED_PREFIX, after, PAGE);
      report.undelivered += page.length;
      for (const { modifiedMs } of page) {
        report.oldestAgeMs = Math.max(report.oldestAgeMs, deps.nowMs() - modifiedMs);
      }
      const seen = dueMarkers(page, { nowMs: deps.nowMs(), minAgeMs: clocks.minAgeMs, isResting });
      const states = seen.length === 0 ? [] : await jobs.deliveryStates(seen.map(({ ref }) => ref));
      const lost = seen.map((one, i) => ({ ...one, state: states[i]! })).filter(({ state }) => state !== 'underway');
      await forEachOf(lost, AT_ONCE, mayGoOn, async ({ key, ref, state }) => {
        rests.add(key, clocks.coolDownMs);
        // One that cannot be pushed must not hold up the others; its marker stays for a later round.
        await pushOn(deps, ref, state).catch((error: unknown) => {
          deps.logger.warn({ detectionId: ref.id, err: error }, 'sweep of one webhook failed');
        });
      });
      if (page.length < PAGE) break;
      after = page.at(-1)!.key;
    }
    return report;
  };
}

/** The webhook may have been delivered between LIST and here: without this second look duplicates more than doubled. */
async function pushOn(deps: UndeliveredDeps, ref: RevisionRef, state: FlowState): Promise<void> {
  const { records, log } = deps;
  const request = await records.request(ref);
  const callback = request?.callback;
  if (callback === undefined) return records.settleDelivery(ref);
  const receiver = receiverOf(callback);
  const attempts = await log.attempts(receiver, ref);
  if (attempts.some(({ outcome }) => outcome === 'delivered')) return records.settleDelivery(ref);
  if (!(await records.owesDelivery(ref))) return;
  deps.logger.info({ detectionId: ref.id, state, attempts: attempts.length }, 'sweeper enqueues a webhook again');
  await deps.jobs.addDelivery({ ...ref, cause: 'verdict' });
  deps.onRequeued();
}
