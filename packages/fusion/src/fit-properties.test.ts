import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { partialOf } from '../tests/fusion-fixtures.ts';
import type { CalibrationRow } from './calibration-scores.ts';
import { fitCalibration } from './fit-calibration.ts';
import { fuse } from './fuse.ts';

const score = fc.double({ min: 0, max: 1, noNaN: true });
const SUSPICION = ['authentic', 'inconclusive', 'manipulated'];

/** Labels and scores that have nothing to do with each other, so that some fits would like to turn a detector around. */
const anyRows = fc
  .array(fc.record({ isFake: fc.boolean(), sbi: score, distildire: score }), { minLength: 400, maxLength: 400 })
  .map((drawn) =>
    drawn.map(({ isFake, sbi, distildire }, i): CalibrationRow => {
      const scores = { sbi: { score: sbi, regions: 1 }, distildire: { score: distildire, regions: 1 } };
      return { isFake, group: String(i), source: 'any', scores };
    }),
  );

describe('whatever a calibration is fitted on', () => {
  it('no score of any detector makes a verdict less suspicious when it rises', () => {
    fc.assert(
      fc.property(anyRows, fc.array(fc.tuple(score, score, score), { minLength: 5, maxLength: 5 }), (rows, draws) => {
        const artefact = fitCalibration(rows, {
          id: 'any',
          created_at: '2026-11-25T09:00:00.000Z',
          domain: 'any',
          detectors: {
            sbi: { version: '1.0.0', weights_sha256: 'a'.repeat(64) },
            distildire: { version: '1.0.0', weights_sha256: 'b'.repeat(64) },
          },
          scoresSha256: '',
          seed: 1,
        });
        for (const [one, two, fixed] of draws) {
          const [low, high] = [Math.min(one, two), Math.max(one, two)].map((value) =>
            fuse(artefact, [partialOf('sbi', value), partialOf('distildire', fixed)], 'fpr_5pct'),
          );
          expect(high!.calibrated).toBe(true);
          expect(high!.probability).toBeGreaterThanOrEqual(low!.probability!);
          expect(SUSPICION.indexOf(high!.verdict)).toBeGreaterThanOrEqual(SUSPICION.indexOf(low!.verdict));
        }
      }),
      { numRuns: 40, seed: 6 },
    );
  });
});
