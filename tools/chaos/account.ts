import { percentile } from '../bench/percentile.ts';

/** One sight of a verdict: by polling, in the store, or in a webhook. */
export type View = {
  way: 'answer' | 'store' | 'webhook';
  /** Of the bytes as they were seen; the same way has to show the same bytes every time. */
  sha256: string;
  /** What it says, in a form that is the same for every way. */
  statement: string;
};

/** Everything that is known of one accepted question once the system has come to rest. */
export type Trace = {
  id: string;
  /** When the promise was made: the client has its 202. */
  acceptedMs: number;
  /** Null: there is none. */
  verdictMs: number | null;
  /** Detectors that could have answered and are not in the verdict. */
  missing: readonly string[];
  views: readonly View[];
  /** Requests of the webhook that the receiver answered 2xx, in their order. */
  deliveries: readonly { webhookId: string; sha256: string }[];
};

export type Account = {
  accepted: number;
  verdicts: number;
  /** Without a verdict, or with one that lacks a detector which could have answered. */
  lost: number;
  /** Two sights of the verdict that differ, or two deliveries that are not the same message. */
  contradictory: number;
  /** Deliveries beyond the first successful one. */
  duplicates: number;
  /** Verdicts that the receiver was never told. */
  untold: number;
  recoveryP50Ms: number;
  recoveryP99Ms: number;
  /** The ids that count in `lost` and `contradictory`, for whoever looks for the reason. */
  suspects: string[];
};

/**
 * From when the recovery of one question counts: the promise, or the end of the last outage of Redis or the store where
 * that came later; an outage that ended after the verdict did not delay it. Null without a verdict.
 */
export function recoveryStartMs({ acceptedMs, verdictMs }: Trace, outageEndsMs: readonly number[]): number | null {
  if (verdictMs === null) return null;
  return Math.max(acceptedMs, ...outageEndsMs.filter((endMs) => endMs <= verdictMs));
}

export function account(traces: readonly Trace[], outageEndsMs: readonly number[], hasReceiver = true): Account {
  const lost = traces.filter(({ verdictMs, missing }) => verdictMs === null || missing.length > 0);
  const contradictory = traces.filter(contradicts);
  const recoveriesMs = traces.flatMap((trace) => {
    const startMs = recoveryStartMs(trace, outageEndsMs);
    return startMs === null ? [] : [Math.max(0, trace.verdictMs! - startMs)];
  });
  const share = (of: number) => (recoveriesMs.length === 0 ? 0 : Math.round(percentile(recoveriesMs, of)));
  return {
    accepted: traces.length,
    verdicts: traces.filter(({ verdictMs }) => verdictMs !== null).length,
    lost: lost.length,
    contradictory: contradictory.length,
    duplicates: traces.reduce((sum, { deliveries }) => sum + Math.max(0, deliveries.length - 1), 0),
    untold: hasReceiver ? traces.filter(({ deliveries }) => deliveries.length === 0).length : 0,
    recoveryP50Ms: share(0.5),
    recoveryP99Ms: share(0.99),
    suspects: [...new Set([...lost, ...contradictory].map(({ id }) => id))],
  };
}

function contradicts({ views, deliveries }: Trace): boolean {
  const ways = Object.values(Object.groupBy(views, ({ way }) => way));
  return (
    new Set(views.map(({ statement }) => statement)).size > 1 ||
    ways.some((seen) => new Set(seen.map(({ sha256 }) => sha256)).size > 1) ||
    new Set(deliveries.map(({ webhookId, sha256 }) => `${webhookId} ${sha256}`)).size > 1
  );
}
