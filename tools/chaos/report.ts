import type { LoadResult } from './load/run-load.ts';
import type { StoreKind } from './system/chaos-store.ts';

type SystemName = 'touchstone' | 'plain-bullmq';

/** What every row begins with. */
export type RowHead = {
  scenario: string;
  system: SystemName;
  title: string;
  store: StoreKind | 'redis';
  seed: number;
  jobs: number;
};

type SkippedRow = RowHead & { skipped: string; pass: true };

/** One scenario's figures; printed as one line of JSON. */
export type MeasuredRow = RowHead & {
  accepted: number;
  verdicts: number;
  lost: number;
  contradictory: number;
  duplicates: number;
  untold: number;
  recovery_p50_ms: number;
  recovery_p99_ms: number;
  /** Null: not over at the limit. */
  drain_ms: number | null;
  webhook_drain_ms: number | null;
  /** What the scenario alone measures. */
  facts: Record<string, unknown>;
  /** What was not kept; empty for a scenario that passes. */
  misses: string[];
  pass: boolean;
};

export type Row = SkippedRow | MeasuredRow;

/** What a scenario must hold. */
export type Limits = {
  recoveryP99Ms: number;
  drainMs: number;
  /** Of the accepted ones. */
  duplicateShare: number;
  /** That many in any case, for a share of few is none: one death costs what is being sent to one receiver (W5). */
  duplicates: number;
};

export const USUAL_LIMITS: Limits = { recoveryP99Ms: 20_000, drainMs: 60_000, duplicateShare: 0.05, duplicates: 5 };

/** Figures of a load that the limits say something about. */
export type Judged = Pick<
  LoadResult,
  | 'accepted'
  | 'verdicts'
  | 'lost'
  | 'contradictory'
  | 'duplicates'
  | 'untold'
  | 'recoveryP50Ms'
  | 'recoveryP99Ms'
  | 'drainMs'
  | 'webhookDrainMs'
  | 'notFound'
  | 'suspects'
  | 'slowest'
>;

/** What a load did not keep. */
export function missesOf(load: Judged, jobs: number, limits: Limits): string[] {
  const mayRepeat = Math.max(limits.duplicates, Math.ceil(limits.duplicateShare * load.accepted));
  const rules: [boolean, string][] = [
    [load.accepted === jobs, `${jobs - load.accepted} of ${jobs} were never accepted`],
    [load.lost === 0, `${load.lost} lost`],
    [load.contradictory === 0, `${load.contradictory} contradictory`],
    [load.untold === 0, `${load.untold} webhooks not delivered`],
    [load.notFound === 0, `${load.notFound} answers 404 to an accepted id`],
    [load.duplicates <= mayRepeat, `${load.duplicates} duplicates, more than ${mayRepeat}`],
    [load.recoveryP99Ms <= limits.recoveryP99Ms, `recovery p99 above ${limits.recoveryP99Ms} ms`],
    [load.drainMs !== null && load.drainMs <= limits.drainMs, `drain above ${limits.drainMs} ms`],
  ];
  return rules.flatMap(([isKept, miss]) => (isKept ? [] : [miss]));
}

export function rowOf(head: RowHead, load: Judged, facts: Record<string, unknown>, misses: string[]): MeasuredRow {
  return {
    ...head,
    accepted: load.accepted,
    verdicts: load.verdicts,
    lost: load.lost,
    contradictory: load.contradictory,
    duplicates: load.duplicates,
    untold: load.untold,
    recovery_p50_ms: load.recoveryP50Ms,
    recovery_p99_ms: load.recoveryP99Ms,
    drain_ms: load.drainMs,
    webhook_drain_ms: load.webhookDrainMs,
    facts: {
      ...facts,
      ...(load.slowest.length === 0 ? {} : { slowest: load.slowest }),
      ...(load.suspects.length === 0 ? {} : { suspects: load.suspects.slice(0, 5) }),
    },
    misses,
    pass: misses.length === 0,
  };
}
