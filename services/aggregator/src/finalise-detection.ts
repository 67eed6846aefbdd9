import type { RequestRecord } from '@touchstone/shared/contracts/request-record';
import type { VerdictRecord } from '@touchstone/shared/contracts/verdict-record';
import { CNN_SLOTS } from '@touchstone/shared/contracts/vocabulary';
import type { RevisionRef } from '@touchstone/shared/storage/keys';
import type { DetectionRecords } from './adapters/detection-records.ts';
import type { LoadedCalibration } from '@touchstone/fusion/load-calibration';
import { buildVerdict } from './core/build-verdict.ts';

/** A detector that still owes its answer: waiting never finalises, so somebody has to run its job again. */
class IncompleteDetectionError extends Error {
  override readonly name = 'IncompleteDetectionError';
}

export type FinaliseDeps = {
  records: DetectionRecords;
  calibration: LoadedCalibration | null;
  /** Tells who waits; best effort. */
  announce(ref: RevisionRef): Promise<void>;
  /** Enqueues the delivery that is owed from now on; best effort. */
  enqueueDelivery(ref: RevisionRef): Promise<void>;
  /** Removes the job that ends the wait for the LLM; best effort. */
  dropDeadline(ref: RevisionRef): Promise<void>;
  nowMs(): number;
};

/**
 * Brings a revision to its one verdict, by whatever way it is called and however often: the merge job, the end of the
 * LLM's grace, the sweeper, or all of them at once. The stored verdict wins. The promise of a webhook is made before the
 * promise of a verdict is taken back, so that a crash at any line leaves one of them standing. Null: the detection was
 * erased meanwhile. `isNew`: this call stored it.
 */
export async function finaliseDetection(
  deps: FinaliseDeps,
  ref: RevisionRef,
  options: { expired: boolean },
): Promise<{ verdict: VerdictRecord; isNew: boolean } | null> {
  const { records } = deps;
  const [isErased, request, stored] = await Promise.all([
    records.isErased(ref),
    records.request(ref),
    records.verdict(ref),
  ]);
  if (isErased) {
    await records.settle(ref);
    return null;
  }
  const kept =
    stored === null
      ? await records.keepVerdict(await decideVerdict(deps, ref, request, options))
      : { value: stored, isNew: false };
  // Whoever comes when the marker is gone comes late: the webhook has been owed already, and perhaps delivered.
  const owes = request?.callback !== undefined && (stored === null || (await records.isPending(ref)));
  if (owes) await records.oweDelivery(ref);
  if (await records.isErased(ref)) {
    await records.dropVerdict(ref);
    await records.settleDelivery(ref);
    await records.settle(ref);
    return null;
  }
  const isJudged = request?.slots.includes('llm') === true;
  await Promise.all([records.settle(ref), deps.announce(ref), isJudged ? deps.dropDeadline(ref) : undefined]);
  if (owes) await deps.enqueueDelivery(ref);
  return { verdict: kept.value, isNew: kept.isNew };
}

async function decideVerdict(
  deps: FinaliseDeps,
  ref: RevisionRef,
  request: RequestRecord | null,
  options: { expired: boolean },
): Promise<VerdictRecord> {
  if (request === null) throw new IncompleteDetectionError(`no request record for ${ref.id}`);
  // After a day even a partial that cannot be read must not keep the detection open.
  const unreadable = options.expired ? 'absent' : 'error';
  const partials = await deps.records.partials(ref, request.slots, { unreadable });
  const owed = CNN_SLOTS.filter(
    (slot) => request.slots.includes(slot) && !partials.some((partial) => partial.slot === slot),
  );
  if (owed.length > 0 && !options.expired) {
    throw new IncompleteDetectionError(`${ref.id} still lacks ${owed.join(' and ')}`);
  }
  return buildVerdict({
    request,
    revision: ref.revision,
    partials,
    calibration: deps.calibration,
    expired: owed.length > 0,
    nowMs: deps.nowMs(),
  });
}
