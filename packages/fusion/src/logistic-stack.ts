import { fitRidgeLogistic, type LogisticFit, type LogisticRow } from './ridge-logistic.ts';

const C = 0.1;

/**
 * Logistic regression on the detectors' log-odds with no weight below 0: the one that is most below leaves, the rest is
 * fitted again (llm-and-fusion.md B1, monotonicity).
 */
export function fitLogisticStack(rows: readonly LogisticRow[], c = C): LogisticFit {
  const count = rows[0]?.features.length ?? 0;
  let kept = Array.from({ length: count }, (_, i) => i);
  for (;;) {
    const { intercept, weights } = fitRidgeLogistic(
      rows.map((row) => ({ ...row, features: kept.map((i) => row.features[i]!) })),
      c,
    );
    const lowest = Math.min(...weights);
    if (kept.length === 0 || lowest >= 0) {
      const all = Array.from({ length: count }, () => 0);
      kept.forEach((feature, i) => (all[feature] = weights[i]!));
      return { intercept, weights: all };
    }
    kept = kept.filter((_, i) => weights[i] !== lowest);
  }
}
