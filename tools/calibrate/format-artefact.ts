import type { CalibrationArtefact } from '@touchstone/shared/contracts/calibration-artefact';
import { missingPoints } from '@touchstone/fusion/fit-calibration';
import { formatTable, three } from '../evaluate/format-table.ts';

/** What was fitted, for people. */
export function formatArtefact(artefact: CalibrationArtefact): string {
  const { id, domain, fitted_n, detectors, subsets, default_operating_point } = artefact;
  const lines = [
    `${id}: ${fitted_n.real} real and ${fitted_n.fake} fake images (${domain}); default ${default_operating_point}`,
    '',
    formatTable(
      ['detector', 'version', 'weights', 'slope', 'offset'],
      Object.entries(detectors).map(([slot, { version, weights_sha256, platt }]) => [
        slot,
        version,
        weights_sha256.slice(0, 12),
        three(platt.a),
        three(platt.b),
      ]),
    ),
    formatTable(
      ['subset', 'fitted on', 'weights', 'AUC', 'ECE', 'log-loss', 'on real', 'fake'],
      Object.entries(subsets).map(([key, { w0, w, check, fitted_on }]) => [
        key,
        fitted_on === 'alone' ? 'images of these alone' : 'all images of these',
        [`${three(w0)}`, ...Object.entries(w).map(([slot, weight]) => `${three(weight)} ${slot}`)].join(' + '),
        three(check?.auc ?? null),
        three(check?.ece ?? null),
        three(check?.log_loss ?? null),
        String(check?.n_real ?? 0),
        String(check?.n_fake ?? 0),
      ]),
    ),
    formatTable(
      ['subset', 'operating point', 'below: authentic', 'above: manipulated', 'real', 'fake', 'FPR', 'FNR'],
      Object.entries(subsets).flatMap(([key, { bands }]) =>
        Object.entries(bands).map(([point, { cnn, n_real, n_fake, measured_fpr, measured_fnr }], i) => [
          i === 0 ? key : '',
          point,
          three(cnn.lo),
          three(cnn.hi),
          String(n_real),
          String(n_fake),
          three(measured_fpr),
          three(measured_fnr ?? null),
        ]),
      ),
    ),
    'AUC, ECE, log-loss, FPR and FNR were taken on images that neither stack nor thresholds saw.',
    ...missingPoints(artefact).map((line) => `not offered: ${line}`),
  ];
  return `${lines.join('\n')}\n`;
}
