import type { Judged } from '../report.ts';
import type { Measured } from '../scenario.ts';

/** Several loads of one scenario as one: counts add up, times are those of the worst. */
export function combine(parts: readonly Measured[]): Measured {
  const loads = parts.map(({ load }) => load);
  const sum = (of: (load: Judged) => number) => loads.reduce((total, load) => total + of(load), 0);
  const worst = (of: (load: Judged) => number) => Math.max(...loads.map(of));
  const worstOrNull = (of: (load: Judged) => number | null) =>
    loads.some((load) => of(load) === null) ? null : worst((load) => of(load) ?? 0);
  return {
    load: {
      accepted: sum((load) => load.accepted),
      verdicts: sum((load) => load.verdicts),
      lost: sum((load) => load.lost),
      contradictory: sum((load) => load.contradictory),
      duplicates: sum((load) => load.duplicates),
      untold: sum((load) => load.untold),
      notFound: sum((load) => load.notFound),
      recoveryP50Ms: worst((load) => load.recoveryP50Ms),
      recoveryP99Ms: worst((load) => load.recoveryP99Ms),
      drainMs: worstOrNull((load) => load.drainMs),
      webhookDrainMs: worstOrNull((load) => load.webhookDrainMs),
      slowest: loads.flatMap(({ slowest }) => slowest),
      suspects: loads.flatMap(({ suspects }) => suspects),
    },
    facts: Object.assign({}, ...parts.map(({ facts }) => facts)) as Record<string, unknown>,
    misses: parts.flatMap(({ misses = [] }) => misses),
  };
}
