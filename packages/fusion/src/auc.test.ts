import { describe, expect, it } from '@jest/globals';
import { auc, aucInterval, type ScoredImage } from './auc.ts';
import { calibrationError, logLoss, reliability } from './calibration-error.ts';
import { rocCurve } from './roc-curve.ts';
import { createSeededRandom } from './seeded-random.ts';

const images = (reals: number[], fakes: number[]): ScoredImage[] => [
  ...reals.map((score, i) => ({ score, isFake: false, group: `r${i}` })),
  ...fakes.map((score, i) => ({ score, isFake: true, group: `f${i}` })),
];

describe('the area under the ROC curve', () => {
  it.each([
    [[1, 2], [3, 4], 1],
    [[3, 4], [1, 2], 0],
    [[1, 3], [2, 4], 0.75],
    [[1, 1], [1, 1], 0.5],
    [[1, 2], [2, 3], 0.875],
  ])('of reals %j and fakes %j is %d', (reals, fakes, expected) => {
    expect(auc(images(reals, fakes))).toBe(expected);
  });

  it('is nothing without both labels', () => {
    expect(auc(images([1], []))).toBeNull();
    expect(aucInterval(images([], [1]))).toBeNull();
  });

  it('equals the area below the points of the curve', () => {
    const random = createSeededRandom(3);
    const draw = (shift: number) => Array.from({ length: 200 }, () => Math.round(20 * (random() + shift)));
    const drawn = images(draw(0), draw(0.2));
    const points = rocCurve(drawn);
    const area = points.reduce((sum, { fpr, tpr }, i) => {
      const before = points[i - 1] ?? { fpr: 0, tpr: 0 };
      return sum + ((fpr - before.fpr) * (tpr + before.tpr)) / 2;
    }, 0);
    expect(area).toBeCloseTo(auc(drawn)!, 12);
    expect(points.at(-1)).toEqual({ fpr: 1, tpr: 1 });
  });
});

describe('its bootstrap interval', () => {
  const random = createSeededRandom(9);
  const drawn = images(
    Array.from({ length: 150 }, () => random()),
    Array.from({ length: 150 }, () => random() + 0.3),
  );

  it('is the same every time, and holds the value', () => {
    const [low, high] = aucInterval(drawn)!;
    expect(aucInterval(drawn)).toEqual([low, high]);
    expect(low).toBeLessThan(auc(drawn)!);
    expect(high).toBeGreaterThan(auc(drawn)!);
  });

  it('is wider where images stand and fall together', () => {
    const pooled = drawn.map((image, i) => ({ ...image, group: `${image.isFake} ${i % 15}` }));
    const widthOf = ([low, high]: [number, number]) => high - low;
    const copied = pooled.flatMap((image) => [image, image, image, image]);
    const asIfFree = copied.map((image, i) => ({ ...image, group: String(i) }));
    expect(widthOf(aucInterval(copied)!)).toBeGreaterThan(1.5 * widthOf(aucInterval(asIfFree)!));
  });
});

describe('the calibration error', () => {
  it('is 0 for probabilities that come true, and their distance where they do not', () => {
    const told = (probability: number, fakes: number) =>
      Array.from({ length: 10 }, (_, i) => ({ probability, isFake: i < fakes }));
    expect(calibrationError([...told(0.2, 2), ...told(0.9, 9)])).toBeCloseTo(0, 12);
    expect(calibrationError([...told(0.2, 5), ...told(0.9, 9)])).toBeCloseTo(0.15, 12);
    expect(calibrationError([])).toBeNull();
  });

  it('counts a probability of 1 into the last bin', () => {
    expect(reliability([{ probability: 1, isFake: true }], 10).map(({ count }) => count)).toEqual([
      0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
    ]);
  });

  it('has a log-loss that stays finite for a certainty that is wrong', () => {
    expect(logLoss([{ probability: 1, isFake: false }])).toBeCloseTo(-Math.log(1e-12), 6);
    expect(logLoss([{ probability: 0.5, isFake: true }])).toBeCloseTo(Math.log(2), 12);
  });
});
