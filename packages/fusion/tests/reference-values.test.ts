import { describe, expect, it } from '@jest/globals';
import { auc } from '../src/auc.ts';
import { logLoss } from '../src/calibration-error.ts';
import { conformalBand } from '../src/conformal-band.ts';
import { logit, sigmoid } from '../src/log-odds.ts';
import { fitLogisticStack } from '../src/logistic-stack.ts';
import { fitPlatt } from '../src/platt.ts';
import { fitRidgeLogistic, type LogisticFit } from '../src/ridge-logistic.ts';
import { createSeededRandom, shuffle } from '../src/seeded-random.ts';
import { readReferenceScores, type ReferenceDetector, type ReferenceRow } from './reference-scores.ts';

const rows = readReferenceScores() ?? [];
const withData = rows.length === 0 ? describe.skip : describe;

const ALL: ReferenceDetector[] = [
  'npr',
  'spsl',
  'trufor',
  'ucf',
  'universalfakedetect',
  'wavelet_clip',
  'yermandy_clip',
];
const logits = (row: ReferenceRow, detectors: ReferenceDetector[] = ALL) =>
  detectors.map((name) => logit(row.scores[name], 1e-4));
const fitted = rows.filter(({ isEvaluation }) => !isEvaluation);
const evaluated = rows.filter(({ isEvaluation }) => isEvaluation);
const tell = ({ intercept, weights }: LogisticFit, detectors: ReferenceDetector[] = ALL) =>
  evaluated.map((row) => {
    const logOdds = logits(row, detectors).reduce((sum, x, i) => sum + weights[i]! * x, intercept);
    return { isFake: row.isFake, score: logOdds, probability: sigmoid(logOdds) };
  });
const aucOf = (score: (row: ReferenceRow) => number, of = evaluated) =>
  auc(of.map((row) => ({ isFake: row.isFake, score: score(row) })))!;
const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Figures: shared material, data/fusion/README.md, computed with another library. */
withData('on the scores of seven public detectors', () => {
  it.each([
    ['npr', 0.44618],
    ['ucf', 0.51921],
    ['yermandy_clip', 0.77266],
  ] as const)('%s has the AUC of the table', (name, expected) => {
    expect(aucOf((row) => row.scores[name], rows)).toBeCloseTo(expected, 4);
  });

  it('the split has the sizes of the table, and logistic regression its weights', () => {
    expect([fitted.length, evaluated.length]).toEqual([5_804, 6_087]);
    const fit = fitRidgeLogistic(
      fitted.map((row) => ({ features: logits(row), isFake: row.isFake })),
      1,
    );
    const expected = [-0.03165, -0.03893, -0.28472, -0.06036, 0.17958, 0.04323, 0.86083];
    fit.weights.forEach((weight, i) => expect(weight).toBeCloseTo(expected[i]!, 4));
    expect(fit.intercept).toBeCloseTo(-0.0606, 3);
    const told = tell(fit);
    expect(auc(told)).toBeCloseTo(0.80554, 4);
    expect(logLoss(told)).toBeCloseTo(0.53622, 4);
  });

  it('so has the subset of three, and the sum of calibrated log-odds', () => {
    const three: ReferenceDetector[] = ['ucf', 'npr', 'yermandy_clip'];
    const fit = fitRidgeLogistic(
      fitted.map((row) => ({ features: logits(row, three), isFake: row.isFake })),
      1,
    );
    // NPR hardly varies, so its weight and the intercept trade places: the other library stopped .003 before the minimum.
    const [ucf, npr, yermandy] = fit.weights;
    expect(ucf).toBeCloseTo(-0.0908, 3);
    expect(Math.abs(npr! - -0.0192)).toBeLessThan(0.004);
    expect(yermandy).toBeCloseTo(0.90933, 3);
    expect(auc(tell(fit, three))).toBeCloseTo(0.78468, 4);
    const platts = ALL.map((name) =>
      fitRidgeLogistic(
        fitted.map((row) => ({ features: logits(row, [name]), isFake: row.isFake })),
        1e6,
      ),
    );
    const sum = (row: ReferenceRow) =>
      logits(row).reduce((total, x, i) => total + platts[i]!.weights[0]! * x + platts[i]!.intercept, 0);
    expect(aucOf(sum)).toBeCloseTo(0.78907, 4);
  });

  it('the monotone stack beats the best single detector, and the plain mean by more than .10', () => {
    const platts = ALL.map((name) =>
      fitPlatt(fitted.map((row) => ({ logOdds: logits(row, [name])[0]!, isFake: row.isFake }))),
    );
    const z = (row: ReferenceRow) => logits(row).map((x, i) => platts[i]!.a * x + platts[i]!.b);
    const stack = fitLogisticStack(fitted.map((row) => ({ features: z(row), isFake: row.isFake })));
    expect(Math.min(...stack.weights, ...platts.map(({ a }) => a))).toBeGreaterThanOrEqual(0);
    const fused = aucOf((row) => z(row).reduce((sum, x, i) => sum + stack.weights[i]! * x, stack.intercept));
    const singles = ALL.map((name) => aucOf((row) => row.scores[name]));
    expect(fused).toBeGreaterThanOrEqual(Math.max(...singles));
    expect(fused - aucOf((row) => mean(Object.values(row.scores)))).toBeGreaterThanOrEqual(0.1);
  });

  it.each([
    ['1 %', 0.01],
    ['5 %', 0.05],
    ['10 %', 0.1],
  ])('thresholds for %s keep it over 30 random splits, within three standard deviations', (_name, alpha) => {
    const fit = fitLogisticStack(fitted.map((row) => ({ features: logits(row), isFake: row.isFake })));
    const told = tell(fit);
    const random = createSeededRandom(30);
    const counts = { real: 0, fake: 0 };
    const rates = Array.from({ length: 30 }, () => {
      const mixed = shuffle(told, random);
      const [calibration, rest] = [mixed.slice(0, 1_000), mixed.slice(1_000)];
      const scores = (isFake: boolean) => calibration.filter((row) => row.isFake === isFake).map(({ score }) => score);
      const band = conformalBand(scores(false), scores(true), alpha);
      counts.real += scores(false).length / 30;
      counts.fake += scores(true).length / 30;
      const [reals, fakes] = [false, true].map((isFake) => rest.filter((row) => row.isFake === isFake));
      return {
        fpr: reals!.filter(({ score }) => score > band.hi!).length / reals!.length,
        fnr: fakes!.filter(({ score }) => score < band.lo!).length / fakes!.length,
      };
    });
    // Spread of one split (llm-and-fusion.md B2) with that of its evaluation half.
    const sd = Math.sqrt(alpha * (1 - alpha) * (1 / (Math.min(counts.real, counts.fake) + 2) + 2 / 5_087));
    for (const kind of ['fpr', 'fnr'] as const) {
      const values = rates.map((rate) => rate[kind]);
      expect(Math.abs(mean(values) - alpha)).toBeLessThanOrEqual((3 * sd) / Math.sqrt(values.length));
      expect(values.filter((value) => Math.abs(value - alpha) > 3 * sd).length).toBeLessThanOrEqual(1);
    }
  });
});
