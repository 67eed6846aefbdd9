import { describe, expect, it } from '@jest/globals';
import { artefactOf, partialOf } from '../../packages/fusion/tests/fusion-fixtures.ts';
import { buildCurves, buildReport, type Evaluation } from './build-report.ts';
import { formatReport } from './format-report.ts';
import type { ScoredRow } from './score-images.ts';
import { formatScores } from './score-table.ts';
import { renderPage } from './render-page.ts';

const bundleOf = (weights: string) => ({ id: 'test', version: '1.0.0', weights_sha256: weights.repeat(64) });
const rowOf = (file: string, source: string, sbi: number | null, distildire: number, group = file): ScoredRow => ({
  image: { file, path: file, label: file.startsWith('r') ? 'real' : 'fake', split: null, group, source },
  partials: [partialOf('sbi', sbi), partialOf('distildire', distildire)],
});
const rows = [
  rowOf('r1', 'camera', 0.1, 0.2),
  rowOf('r2', 'camera', null, 0.6),
  rowOf('r3', '<b>web', 0.95, 0.3),
  rowOf('f1', '<b>web', 0.9, 0.9),
  rowOf('f2', 'sdxl', 0.05, 0.01),
];
const evaluationOf = (more: Partial<Evaluation> = {}): Evaluation => ({
  dataset: { name: '<i>set', split: 'val', images: rows.length, face_crops: false, seed: 1 },
  detectors: [
    { slot: 'sbi', bundle: bundleOf('a') },
    { slot: 'distildire', bundle: bundleOf('b') },
  ],
  calibration: null,
  rows,
  variants: [],
  ...more,
});

describe('the report of an evaluation', () => {
  it('counts for each detector what it answered, and what is not its subject', () => {
    const { detectors, fused } = buildReport(evaluationOf());
    expect(detectors['sbi']).toMatchObject({ n: 4, n_real: 2, n_fake: 2, not_applicable: 1, auc: 0.25, accuracy: 0.5 });
    expect(detectors['distildire']).toMatchObject({ n: 5, not_applicable: 0, fpr_at_half: 1 / 3, fnr_at_half: 0.5 });
    expect(detectors['sbi']!.bundle.weights_sha256).toBe('a'.repeat(64));
    expect(fused).toMatchObject({ n: 5, calibrated: false });
  });

  it('without a calibration knows the default band alone', () => {
    const { detectors, calibration } = buildReport(evaluationOf());
    expect(calibration).toBeNull();
    expect(detectors['sbi']!.operating_points).toEqual({
      default_band: { fpr: 0.5, fnr: 0.5, found: 0.5, inconclusive: 0 },
    });
  });

  it('with one has its operating points, as the fusion that serves decides them', () => {
    const { fused, calibration } = buildReport(
      evaluationOf({ calibration: { artefact: artefactOf(), sha256: 'f'.repeat(64) } }),
    );
    expect(calibration).toMatchObject({ id: 'cal-test' });
    expect(fused.calibrated).toBe(true);
    expect(Object.keys(fused.operating_points)).toEqual(['fpr_1pct', 'fpr_5pct']);
    expect(fused.operating_points['fpr_5pct']).toMatchObject({ fpr: 2 / 3, fnr: 0.5, found: 0.5 });
  });

  it('holds a source of one label against all images of the other', () => {
    const { by_source } = buildReport(evaluationOf());
    expect(by_source['sdxl']!['distildire']).toMatchObject({ n: 1, n_real: 0, auc: 0, auc_against: 'all' });
    expect(by_source['<b>web']!['distildire']).toMatchObject({ n: 2, auc: 1, auc_against: 'own' });
  });

  it('tells how much a variant costs', () => {
    const changed = rows.map(({ image, partials }) => ({
      image,
      partials: partials.map((partial) => ({ ...partial, score: partial.score === null ? null : 0.5 })),
    }));
    const { robustness } = buildReport(evaluationOf({ variants: [{ id: 'jpeg_q50', rows: changed }] }));
    expect(robustness['jpeg_q50']!['distildire']).toMatchObject({ auc: 0.5, auc_drop: 0 });
    expect(robustness['jpeg_q50']!['sbi']).toMatchObject({ auc: 0.5, auc_drop: -0.25 });
  });

  it('draws pictures of several real faces, where one alarm is less likely to be believed', () => {
    const alarms = buildReport(evaluationOf()).group_false_alarms!;
    expect(alarms['1']!['default_band']).toBeGreaterThan(0.45);
    // ln(4) and ln(9) bring the score .95 below the band.
    expect([alarms['4'], alarms['9']]).toEqual([{ default_band: 0 }, { default_band: 0 }]);
  });

  it('is the same every time', () => {
    expect(buildReport(evaluationOf())).toEqual(buildReport(evaluationOf()));
  });
});

describe('what is written', () => {
  const evaluation = evaluationOf({ variants: [{ id: 'half_size', rows }] });
  const report = buildReport(evaluation);

  it('the page needs nothing from elsewhere and shows names of files as text', () => {
    const page = renderPage(report, buildCurves(evaluation));
    expect(page).not.toMatch(/src=|href=|url\(|<script|<b>web|<i>set/);
    expect(page).toContain('&lt;b&gt;web');
    expect(page.match(/<svg /g)).toHaveLength(6);
  });

  it('the text has every table', () => {
    const text = formatReport(report);
    for (const part of ['distildire', 'default_band', 'camera', 'half_size', 'real faces in a picture']) {
      expect(text).toContain(part);
    }
  });

  it('the scores leave a cell empty where a detector was not applicable', () => {
    expect(formatScores(rows).split('\n').slice(0, 3)).toEqual([
      'file,label,group,source,sbi,distildire,sbi_regions,distildire_regions',
      'r1,real,r1,camera,0.1,0.2,1,1',
      'r2,real,r2,camera,,0.6,,1',
    ]);
  });
});
