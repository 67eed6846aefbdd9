import { describe, expect, it } from '@jest/globals';
import { CalibrationArtefact } from '@touchstone/shared/contracts/calibration-artefact';
import type { CnnSlot } from '@touchstone/shared/contracts/vocabulary';
import { partialOf } from '../tests/fusion-fixtures.ts';
import type { CalibrationRow } from './calibration-scores.ts';
import { fitCalibration, missingPoints, type CalibrationAbout } from './fit-calibration.ts';
import { fuse } from './fuse.ts';
import { sigmoid } from './log-odds.ts';
import { dealGroups } from './part-of-groups.ts';
import { createSeededRandom } from './seeded-random.ts';

const about: CalibrationAbout = {
  id: 'cal-1',
  created_at: '2026-11-25T09:00:00.000Z',
  domain: 'synthetic',
  // As in the partials of the fixtures.
  detectors: {
    sbi: { version: '1.0.0', weights_sha256: 'a'.repeat(64) },
    distildire: { version: '1.0.0', weights_sha256: 'b'.repeat(64) },
  },
  scoresSha256: 'f'.repeat(64),
  seed: 1,
};

/** Pairs of a real and a fake image; each detector tells them apart as well as its strength says. */
function rowsOf(pairs: number, slots: CnnSlot[], strength = 1.5, seed = 21): CalibrationRow[] {
  const random = createSeededRandom(seed);
  const bell = () => random() + random() + random() + random() - 2;
  return Array.from({ length: pairs }, (_, pair) =>
    [false, true].map((isFake): CalibrationRow => {
      const score = () => sigmoid(3 * bell() + (isFake ? strength : -strength));
      const scores = Object.fromEntries(slots.map((slot) => [slot, { score: score(), regions: 1 }]));
      return { isFake, group: `${slots.join('+')} ${seed} ${pair}`, source: `made ${pair % 2}`, scores };
    }),
  ).flat();
}

describe('fitting a calibration', () => {
  const rows = rowsOf(600, ['sbi', 'distildire']);
  const artefact = fitCalibration(rows, about);

  it('gives an artefact that holds to its contract, and the same one every time', () => {
    expect(CalibrationArtefact.parse(artefact)).toEqual(artefact);
    expect(fitCalibration(structuredClone(rows), about)).toEqual(artefact);
    expect(artefact).toMatchObject({ fitted_n: { real: 600, fake: 600 }, default_operating_point: 'fpr_1pct' });
    expect(missingPoints(artefact)).toEqual([]);
  });

  it('has every subset of the detectors with every operating point, and figures of images that it never saw', () => {
    expect(Object.keys(artefact.subsets).toSorted()).toEqual(['distildire', 'distildire+sbi', 'sbi']);
    for (const { bands, check } of Object.values(artefact.subsets)) {
      expect(Object.keys(bands)).toEqual(['fpr_1pct', 'fpr_5pct', 'fpr_10pct']);
      expect(check).toMatchObject({ n_real: 150, n_fake: 150 });
      expect(bands['fpr_5pct']!.measured_fpr!).toBeLessThan(0.12);
    }
  });

  it('together they are better than each alone', () => {
    const aucOf = (key: string) => artefact.subsets[key]!.check!.auc!;
    expect(aucOf('distildire+sbi')).toBeGreaterThan(Math.max(aucOf('sbi'), aucOf('distildire')));
  });

  it('fuse keeps the false-alarm rate that it promises on new images', () => {
    const fresh = rowsOf(2_000, ['sbi', 'distildire'], 1.5, 77).filter(({ isFake }) => !isFake);
    for (const [id, alpha] of [
      ['fpr_1pct', 0.01],
      ['fpr_5pct', 0.05],
      ['fpr_10pct', 0.1],
    ] as const) {
      const alarms = fresh.filter(({ scores }) => {
        const partials = [partialOf('sbi', scores.sbi!.score), partialOf('distildire', scores.distildire!.score)];
        const fusion = fuse(artefact, partials, id);
        expect(fusion.calibrated).toBe(true);
        return fusion.verdict === 'manipulated';
      });
      // Thresholds of 270 real images: three standard deviations.
      expect(alarms.length / fresh.length).toBeLessThanOrEqual(alpha + 3 * Math.sqrt((alpha * (1 - alpha)) / 272));
    }
  });

  it('counts the faces that a maximum was taken of: nine make the same score less suspicious', () => {
    const many = rows.map((row) => ({ ...row, scores: { sbi: { ...row.scores.sbi!, regions: 9 } } }));
    const one = rows.map((row) => ({ ...row, scores: { sbi: row.scores.sbi! } }));
    const [fitMany, fitOne] = [many, one].map((set) => fitCalibration(set, about).detectors.sbi!.platt);
    expect(fitMany!.b).toBeCloseTo(fitOne!.b + Math.log(9), 6);
    expect(fitMany!.a).toBeCloseTo(fitOne!.a, 6);
  });

  it('a detector on its own is fitted on the images that it answered alone, where there are enough of them', () => {
    const faceless = rowsOf(300, ['distildire'], 0.5);
    const { subsets } = fitCalibration([...rows, ...faceless], about);
    expect(subsets['distildire']!.fitted_on).toBe('alone');
    expect(subsets['distildire']!.check!.n_real).toBeLessThan(80);
    expect(subsets['sbi']).toMatchObject({ fitted_on: 'among_others' });
    const few = fitCalibration([...rows, ...faceless.slice(0, 200)], about);
    expect(few.subsets['distildire']).toMatchObject({ fitted_on: 'among_others' });
  });

  it('leaves out an operating point that too few images support, and a default follows', () => {
    const small = fitCalibration(rowsOf(120, ['sbi']), about);
    expect(Object.keys(small.subsets['sbi']!.bands)).toEqual(['fpr_5pct', 'fpr_10pct']);
    expect(small.default_operating_point).toBe('fpr_5pct');
    expect(missingPoints(small)).toEqual(['sbi: fpr_1pct needs 99 images of each class for its thresholds']);
  });

  it('refuses too few images, and says how many there are', () => {
    expect(() => fitCalibration(rowsOf(40, ['sbi']), about)).toThrow(
      'too few labelled images: sbi: 12 real and 12 fake images, 30 of each are needed to fit on',
    );
    expect(() => fitCalibration([], about)).toThrow('there are no scores');
    expect(() => fitCalibration(rowsOf(200, ['sbi']), { ...about, detectors: {} })).toThrow('it has no bundle');
  });
});

describe('dealing groups', () => {
  it('never tears a pair, and gives every source its share of each part', () => {
    const rows = rowsOf(400, ['sbi']);
    const parts = dealGroups(rows, 3);
    expect(parts.size).toBe(400);
    for (const source of ['made 0', 'made 1']) {
      const groups = new Set(rows.filter((row) => row.source === source).map(({ group }) => group));
      const count = (part: string) => [...groups].filter((group) => parts.get(group) === part).length;
      expect([count('fit'), count('thresholds'), count('check')]).toEqual([60, 90, 50]);
    }
  });
});
