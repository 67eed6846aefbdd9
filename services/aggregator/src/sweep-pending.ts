import type { Logger } from '@touchstone/shared/observe/logger';
import { CNN_SLOTS } from '@touchstone/shared/contracts/vocabulary';
import type { RevisionPayload } from '@touchstone/shared/queue/catalog';
import type { DetectionJobs, FlowState } from '@touchstone/shared/queue/detection-jobs';
import { parsePendingKey, PENDING_PREFIX, type RevisionRef } from '@touchstone/shared/storage/keys';
import type { ObjectStore } from '@touchstone/shared/storage/object-store';
import type { DetectionRecords } from './adapters/detection-records.ts';
import { decideSweep, EXPIRES_AFTER_MS, type SweepAction } from './core/sweep-decision.ts';

/** Clocks of the sweeper, in ms; contract.md section 2. */
export type SweepClocks = {
  minAgeMs: number;
  coolDownMs: number;
  /** How often a detection whose jobs are underway is looked at more closely: a long queue is no reason to read it all. */
  closeLookMs: number;
  llmGraceMs: number;
};
export const SWEEP_CLOCKS: SweepClocks = {
  minAgeMs: 10_000,
  coolDownMs: 15_000,
  closeLookMs: 60_000,
  llmGraceMs: 20_000,
};
const PAGE = 500;

export type SweepDeps = {
  store: ObjectStore;
  records: DetectionRecords;
  jobs: DetectionJobs;
  finalise(ref: RevisionRef, expired: boolean): Promise<unknown>;
  onAction(action: SweepAction): void;
  logger: Logger;
  clocks: SweepClocks;
  nowMs(): number;
};

/** What a sweep saw, for the metrics. */
export type SweepReport = { pending: number; oldestAgeMs: number };

/**
 * Pushes on every accepted detection that has no verdict after a while, whatever Redis has forgotten. The returned
 * function sweeps once; it remembers when it touched which id.
 */
export function createSweeper(deps: SweepDeps): () => Promise<SweepReport> {
  const { store, jobs, clocks } = deps;
  const touchedMs = new Map<string, number>();
  const lookedMs = new Map<string, number>();

  return async () => {
    const now = deps.nowMs();
    forgetOlderThan(touchedMs, now - clocks.coolDownMs);
    forgetOlderThan(lookedMs, now - clocks.closeLookMs);
    const report: SweepReport = { pending: 0, oldestAgeMs: 0 };
    for (let after: string | null = null; ;) {
      const page = await store.list(PENDING_PREFIX, after, PAGE);
      report.pending += page.length;
      const due = page.flatMap(({ key, modifiedMs }) => {
        const ref = parsePendingKey(key);
        const ageMs = now - modifiedMs;
        report.oldestAgeMs = Math.max(report.oldestAgeMs, ageMs);
        return ref !== null && ageMs >= clocks.minAgeMs && !touchedMs.has(key) ? [{ key, ref, ageMs }] : [];
      });
      const states = due.length === 0 ? [] : await jobs.flowStates(due.map(({ ref }) => ref));
      for (const [i, { key, ref, ageMs }] of due.entries()) {
        const flow = states[i]!;
        if (flow === 'underway' && ageMs < EXPIRES_AFTER_MS && lookedMs.has(key)) continue;
        lookedMs.set(key, now);
        const action = await push(deps, key, ref, ageMs, flow).catch((error: unknown): SweepAction => {
          // One detection that cannot be pushed must not hold up the others; its marker stays for the next round.
          deps.logger.warn({ detectionId: ref.id, err: error }, 'sweep of one detection failed');
          return 'leave';
        });
        if (action !== 'leave') touchedMs.set(key, now);
        deps.onAction(action);
      }
      if (page.length < PAGE) return report;
      after = page.at(-1)!.key;
    }
  };
}

async function push(
  deps: SweepDeps,
  key: string,
  ref: RevisionRef,
  ageMs: number,
  flow: FlowState,
): Promise<SweepAction> {
  const { records, jobs, clocks, logger } = deps;
  const request = await records.request(ref);
  if (request === null) {
    // The marker is written after the request, so only an erasure in between can explain this.
    if (await records.isErased(ref)) await records.settle(ref);
    else logger.error({ detectionId: ref.id }, 'a pending marker without its request record');
    return 'leave';
  }
  const partials = await records.partials(ref, request.slots);
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
      await jobs.removeFinished(payload);
      await jobs.addFlow(payload, request.priority);
      return action;
    case 'enqueue':
      await jobs.addFlow(payload, request.priority);
      return action;
  }
}

function forgetOlderThan(times: Map<string, number>, limitMs: number): void {
  for (const [key, at] of times) if (at < limitMs) times.delete(key);
}
