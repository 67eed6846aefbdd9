import type { Logger } from '@touchstone/shared/observe/logger';
import type { Tenant } from '@touchstone/shared/contracts/detection-id';
import { CNN_SLOTS } from '@touchstone/shared/contracts/vocabulary';
import type { RevisionPayload } from '@touchstone/shared/queue/catalog';
import type { DetectionJobs, FlowState } from '@touchstone/shared/queue/detection-jobs';
import { parseMarkerKey, PENDING_PREFIX, type RevisionRef } from '@touchstone/shared/storage/keys';
import type { ObjectStore } from '@touchstone/shared/storage/object-store';
import type { DetectionRecords } from './adapters/detection-records.ts';
import { dueMarkers, type DueMarker } from './core/due-markers.ts';
import { forEachOf } from './core/for-each-of.ts';
import { createRests, type Rests } from './core/rests.ts';
import { decideSweep, EXPIRES_AFTER_MS, type SweepAction } from './core/sweep-decision.ts';

/** Clocks of the sweeper, in ms; contract.md section 2. */
export type SweepClocks = {
  minAgeMs: number;
  coolDownMs: number;
  /** How often a detection whose jobs are underway is looked at more closely: a long queue is no reason to read it all. */
  closeLookMs: number;
  /** How long a round may spend on such looks. */
  closeLooksLimitMs: number;
  llmGraceMs: number;
};
export const SWEEP_CLOCKS: SweepClocks = {
  minAgeMs: 10_000,
  coolDownMs: 15_000,
  closeLookMs: 60_000,
  closeLooksLimitMs: 2_000,
  llmGraceMs: 20_000,
};
const PAGE = 500;
const AT_ONCE = 16;

export type SweepDeps = {
  store: ObjectStore;
  records: DetectionRecords;
  jobs: DetectionJobs;
  finalise(ref: RevisionRef, expired: boolean): Promise<unknown>;
  onAction(action: SweepAction): void;
  logger: Logger;
  clocks: SweepClocks;
  /** What was pushed on lately. Whoever sees Redis come back ends them: it may have forgotten what it was told. */
  rests: Rests;
  nowMs(): number;
  /** Goes on whatever happens to the clock on the wall. */
  uptimeMs(): number;
};

/** What a sweep saw, for the metrics. */
export type SweepReport = {
  pending: number;
  oldestAgeMs: number;
  /** When the round began, in ms since the epoch, and what it counted; null when it was cut short. */
  counts: { sinceMs: number; byTenant: Map<Tenant, number> } | null;
};

type Due = DueMarker & { flow: FlowState };

/**
 * Pushes on every accepted detection that has no verdict after a while, whatever Redis has forgotten. The returned
 * function sweeps once and stops early when `mayGoOn` says so; it remembers when it touched which id.
 *
 * What Redis has lost comes first. A detection whose jobs are underway is mostly just waiting in a long queue, so those
 * are looked at last, and no longer than a while per round: a backlog must not delay what is really forgotten.
 */
export function createSweeper(deps: SweepDeps): (mayGoOn: () => Promise<boolean>) => Promise<SweepReport> {
  const { store, jobs, clocks, rests } = deps;
  const isResting = (key: string) => rests.has(key);
  /** Whose jobs are not looked at closely for a while. */
  const looks = createRests(() => deps.uptimeMs());

  const pushOn = async (due: Due) => {
    looks.add(due.key, clocks.closeLookMs);
    let restMs = clocks.coolDownMs;
    const action = await push(deps, due).catch((error: unknown): SweepAction => {
      // One detection that cannot be pushed must not hold up the others; its marker stays for a later round.
      deps.logger.warn({ detectionId: due.ref.id, err: error }, 'sweep of one detection failed');
      restMs = clocks.closeLookMs;
      return 'leave';
    });
    if (action !== 'leave' || restMs !== clocks.coolDownMs) rests.add(due.key, restMs);
    deps.onAction(action);
  };

  return async (mayGoOn) => {
    rests.forgetPast();
    looks.forgetPast();
    const report: SweepReport = { pending: 0, oldestAgeMs: 0, counts: null };
    const counts = { sinceMs: deps.nowMs(), byTenant: new Map<Tenant, number>() };
    const underway: Due[] = [];
    for (let after: string | null = null; await mayGoOn();) {
      const page = await store.list(PENDING_PREFIX, after, PAGE);
      report.pending += page.length;
      for (const { key, modifiedMs } of page) {
        const tenant = parseMarkerKey(key)?.tenant;
        if (tenant !== undefined) counts.byTenant.set(tenant, (counts.byTenant.get(tenant) ?? 0) + 1);
        report.oldestAgeMs = Math.max(report.oldestAgeMs, deps.nowMs() - modifiedMs);
      }
      const seen = dueMarkers(page, { nowMs: deps.nowMs(), minAgeMs: clocks.minAgeMs, isResting });
      const states = seen.length === 0 ? [] : await jobs.flowStates(seen.map(({ ref }) => ref));
      const due = seen.map((one, i): Due => ({ ...one, flow: states[i]! }));
      const isWaiting = ({ flow, ageMs }: Due) => flow === 'underway' && ageMs < EXPIRES_AFTER_MS;
      await forEachOf(
        due.filter((one) => !isWaiting(one)),
        AT_ONCE,
        mayGoOn,
        pushOn,
      );
      underway.push(...due.filter((one) => isWaiting(one) && !looks.has(one.key)));
      if (page.length < PAGE) {
        report.counts = counts;
        break;
      }
      after = page.at(-1)!.key;
    }
    const looksEndMs = deps.uptimeMs() + clocks.closeLooksLimitMs;
    const hasTime = async () => deps.uptimeMs() < looksEndMs && (await mayGoOn());
    await forEachOf(
      underway.toSorted((a, b) => b.ageMs - a.ageMs),
      AT_ONCE,
      hasTime,
      pushOn,
    );
    return report;
  };
}

async function push(deps: SweepDeps, { key, ref, ageMs, flow }: Due): Promise<SweepAction> {
  const { records, jobs, clocks, logger } = deps;
  const request = await records.request(ref);
  if (request === null) {
    // The marker is written after the request, so only an erasure in between can explain this.
    if (await records.isErased(ref)) await records.settle(ref);
    else logger.error({ detectionId: ref.id }, 'a pending marker without its request record');
    return 'leave';
  }
  const isOld = ageMs > EXPIRES_AFTER_MS;
  const partials = await records.partials(ref, request.slots, { unreadable: isOld ? 'absent' : 'error' });
  const answered = new Set(partials.map((partial) => partial.slot));
  const detectors = CNN_SLOTS.filter((slot) => request.slots.includes(slot));
  const lastDetectorMs = Math.max(
    0,
    ...partials.filter((partial) => partial.slot !== 'llm').map((partial) => Date.parse(partial.created_at)),
  );
  const action = decideSweep({
    ageMs,
    flow,
    hasVerdict: (await records.verdict(ref)) !== null,
    hasAllDetectorPartials: detectors.every((slot) => answered.has(slot)),
    awaitsLlm: request.slots.includes('llm') && !answered.has('llm'),
    sinceDetectorsMs: deps.nowMs() - lastDetectorMs,
    llmGraceMs: clocks.llmGraceMs,
  });
  // The detection may have ended between LIST and here: what follows would only repeat finished work.
  if (action === 'leave' || (await deps.store.head(key)) === null) return 'leave';
  logger.info({ detectionId: ref.id, action, ageMs: Math.round(ageMs), flow }, 'sweeper pushes a detection on');
  const payload: RevisionPayload = { ...ref, slots: request.slots };
  switch (action) {
    case 'finalise':
    case 'expire':
      await deps.finalise(ref, action === 'expire');
      return action;
    case 'restart':
    case 'enqueue':
      // A child that failed for good would hold a new parent for ever: BullMQ counts it as one to wait for.
      await jobs.removeFinished(payload);
      await jobs.addFlow(payload, request.priority);
      // Like every writer, it looks for the tombstone afterwards and takes back what it added.
      if (await records.isErased(ref)) {
        await jobs.removeAll({ id: ref.id, revisions: [ref.revision], receivers: [] }, { force: true });
      }
      return action;
  }
}
