import type { EvaluationReport } from './build-report.ts';
import { formatTable, three } from './format-table.ts';
import type { Figures } from './measure.ts';

/** The figures for people, as plain text. */
export function formatReport(report: EvaluationReport): string {
  const { dataset, calibration } = report;
  const voices: [string, Figures][] = [...Object.entries(report.detectors), ['fused', report.fused]];
  const points = Object.keys(report.fused.operating_points);
  const parts = [
    `${dataset.name}${dataset.split === null ? '' : `, split ${dataset.split}`}: ${dataset.images} images${dataset.face_crops ? ' that are one face each' : ''}`,
    calibration === null ? 'not calibrated' : `calibration ${calibration.id} (${calibration.domain})`,
    '',
    formatTable(
      ['', 'n', 'real', 'fake', 'n/a', 'AUC', '95 %', 'acc', 'FPR@.5', 'FNR@.5', 'ECE'],
      voices.map(([name, figures]) => [
        name,
        ...countCells(figures),
        String(figures.not_applicable),
        ...measuredCells(figures),
      ]),
    ),
    formatTable(
      ['operating point', '', 'FPR', 'FNR', 'found', 'inconclusive'],
      points.flatMap((id) =>
        voices.map(([name, { operating_points }], i) => {
          const { fpr, fnr, found, inconclusive } = operating_points[id]!;
          return [i === 0 ? id : '', name, three(fpr), three(fnr), three(found), three(inconclusive)];
        }),
      ),
    ),
    formatTable(
      ['source', '', 'n', 'real', 'fake', 'AUC', '95 %', '', 'FPR@.5', 'FNR@.5'],
      Object.entries(report.by_source).flatMap(([source, bySlot]) =>
        Object.entries(bySlot)
          .filter(([, figures]) => figures.n > 0)
          .map(([name, figures], i) => [
            i === 0 ? source : '',
            name,
            ...countCells(figures),
            three(figures.auc),
            interval(figures.auc_interval),
            figures.auc_against === 'all' ? 'against all' : '',
            three(figures.fpr_at_half),
            three(figures.fnr_at_half),
          ]),
      ),
    ),
  ];
  if (Object.keys(report.robustness).length > 0) {
    parts.push(
      formatTable(
        ['variant', '', 'n', 'AUC', 'drop', 'FPR@.5', 'FNR@.5'],
        Object.entries(report.robustness).flatMap(([id, bySlot]) =>
          Object.entries(bySlot).map(([name, figures], i) => [
            i === 0 ? id : '',
            name,
            String(figures.n),
            three(figures.auc),
            three(figures.auc_drop),
            three(figures.fpr_at_half),
            three(figures.fnr_at_half),
          ]),
        ),
      ),
    );
  }
  if (report.group_false_alarms !== null) {
    parts.push(
      formatTable(
        ['real faces in a picture', ...points],
        Object.entries(report.group_false_alarms).map(([size, alarms]) => [
          size,
          ...points.map((id) => three(alarms[id]!)),
        ]),
      ),
    );
  }
  return `${parts.join('\n')}\n`;
}

const countCells = ({ n, n_real, n_fake }: Figures) => [n, n_real, n_fake].map(String);
/** AUC with its interval, accuracy, error rates at .5 and calibration error. */
export const measuredCells = (figures: Figures) => [
  three(figures.auc),
  interval(figures.auc_interval),
  three(figures.accuracy),
  three(figures.fpr_at_half),
  three(figures.fnr_at_half),
  three(figures.ece),
];
export const interval = (values: [number, number] | null) => (values === null ? '-' : values.map(three).join('-'));
