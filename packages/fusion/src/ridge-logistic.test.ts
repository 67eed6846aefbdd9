import { describe, expect, it } from '@jest/globals';
import { logit, sigmoid } from './log-odds.ts';
import { fitLogisticStack } from './logistic-stack.ts';
import { fitPlatt } from './platt.ts';
import { fitRidgeLogistic } from './ridge-logistic.ts';
import { createSeededRandom } from './seeded-random.ts';

/** Rows whose label is drawn with the log-odds `truth` of two features. */
const rowsOf = (count: number, truth: (x: number, y: number) => number) => {
  const random = createSeededRandom(11);
  return Array.from({ length: count }, () => {
    const features = [4 * random() - 2, 4 * random() - 2];
    return { features, isFake: random() < sigmoid(truth(features[0]!, features[1]!)) };
  });
};

describe('ridge logistic regression', () => {
  it('finds the share of fakes where there is no feature', () => {
    const rows = Array.from({ length: 10 }, (_, i) => ({ features: [], isFake: i < 3 }));
    expect(fitRidgeLogistic(rows, 1).intercept).toBeCloseTo(logit(0.3, 1e-9), 9);
  });

  it('finds what the labels were drawn with', () => {
    const { intercept, weights } = fitRidgeLogistic(
      rowsOf(20_000, (x, y) => 0.5 + 1.5 * x - y),
      1e6,
    );
    expect(intercept).toBeCloseTo(0.5, 1);
    expect(weights[0]).toBeCloseTo(1.5, 1);
    expect(weights[1]).toBeCloseTo(-1, 1);
  });

  it('stays finite where the classes do not overlap', () => {
    const rows = [-2, -1, 1, 2].map((x) => ({ features: [x], isFake: x > 0 }));
    const { weights } = fitRidgeLogistic(rows, 1);
    expect(weights[0]).toBeGreaterThan(0.5);
    expect(weights[0]).toBeLessThan(5);
  });

  it('takes an offset as known', () => {
    const rows = rowsOf(5_000, (x) => x).map((row) => ({ ...row, offset: 0.7 }));
    const free = fitRidgeLogistic(rows, 1e6);
    const known = fitRidgeLogistic(
      rows.map(({ features, isFake }) => ({ features, isFake })),
      1e6,
    );
    expect(free.intercept).toBeCloseTo(known.intercept - 0.7, 6);
    expect(free.weights[0]).toBeCloseTo(known.weights[0]!, 6);
  });
});

describe('what keeps a verdict monotone', () => {
  it('a detector that is worse than chance gets slope 0, not a negative one', () => {
    const rows = rowsOf(1_000, (x) => -2 * x).map(({ features, isFake }) => ({ logOdds: features[0]!, isFake }));
    const { a, b } = fitPlatt(rows);
    const share = rows.filter(({ isFake }) => isFake).length / rows.length;
    expect(a).toBe(0);
    expect(b).toBeCloseTo(logit(share, 1e-9), 6);
  });

  it('a stack drops what would weigh less than nothing, and fits the rest again', () => {
    const rows = rowsOf(2_000, (x, y) => x - 0.8 * y);
    const { weights, intercept } = fitLogisticStack(rows);
    const alone = fitLogisticStack(rows.map((row) => ({ ...row, features: [row.features[0]!] })));
    expect(weights).toEqual([alone.weights[0], 0]);
    expect(intercept).toBe(alone.intercept);
  });
});
