import type { Trace } from '../account.ts';

/** From a moment to the first verdict after it; null when there was none. */
export function resumedAfterMs(traces: readonly Trace[], sinceMs: number): number | null {
  const later = traces.flatMap(({ verdictMs }) => (verdictMs === null || verdictMs < sinceMs ? [] : [verdictMs]));
  return later.length === 0 ? null : Math.min(...later) - sinceMs;
}
