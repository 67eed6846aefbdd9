import type { EvaluationReport } from './build-report.ts';
import { interval, measuredCells } from './format-report.ts';
import { three } from './format-table.ts';
import type { Curves, Figures } from './measure.ts';
import { plotReliability, plotRoc } from './plots.ts';

const STYLE = `
:root { color-scheme: light dark; --ink: #1b1f24; --faint: #6b7480; --line: #d5dae0; --paper: #fff; --mark: #0b62c4; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ed; --faint: #98a2ae; --line: #3a424c; --paper: #14181d; --mark: #6db1ff; }
}
body { margin: 2rem auto; max-width: 70rem; padding: 0 1rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
p { color: var(--faint); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .7rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child, td.name, th.name { text-align: left; }
th { color: var(--faint); font-weight: 600; }
.plots { display: flex; flex-wrap: wrap; gap: 1.5rem; }
figure { margin: 0; } figcaption { font-weight: 600; margin-bottom: .3rem; }
svg text { fill: var(--faint); font: 11px system-ui, sans-serif; }
svg .frame { fill: none; stroke: var(--line); } svg .even { stroke: var(--line); stroke-dasharray: 4 4; }
svg .curve { fill: none; stroke: var(--mark); stroke-width: 2; } svg .dot { fill: var(--mark); }
`;

/** The report as one page that needs nothing else: tables, ROC curves, reliability. */
export function renderPage(report: EvaluationReport, curves: Record<string, Curves>): string {
  const { dataset, calibration } = report;
  const voices: [string, Figures][] = [...Object.entries(report.detectors), ['fused', report.fused]];
  const points = Object.keys(report.fused.operating_points);
  const sections = [
    `<h1>Evaluation of ${escapeHtml(dataset.name)}</h1>`,
    `<p>${dataset.images} images${dataset.split === null ? '' : `, split ${escapeHtml(dataset.split)}`}${dataset.face_crops ? ', each one face' : ''}. ${
      calibration === null
        ? 'Not calibrated.'
        : `Calibration ${escapeHtml(calibration.id)}, fitted on: ${escapeHtml(calibration.domain)}.`
    } Intervals: 95 %, bootstrap by group.</p>`,
    heading('Detectors'),
    tableOf(
      ['', 'bundle', 'n', 'real', 'fake', 'not applicable', 'AUC', '95 %', 'accuracy', 'FPR at .5', 'FNR at .5', 'ECE'],
      voices.map(([name, figures]) => {
        const bundle = report.detectors[name]?.bundle;
        return [
          name,
          bundle === undefined ? '' : `${bundle.id} ${bundle.version}`,
          figures.n,
          figures.n_real,
          figures.n_fake,
          figures.not_applicable,
          ...measuredCells(figures),
        ];
      }),
    ),
    heading('ROC and reliability'),
    `<p>Reliability: the share of fakes among images that were told a probability; on the dashed line what is told comes true. Dots are as large as their number of images.</p>`,
    `<div class="plots">${voices.map(([name]) => plotRoc(name, curves[name]!.roc)).join('')}</div>`,
    `<div class="plots">${voices.map(([name]) => plotReliability(name, curves[name]!.reliability)).join('')}</div>`,
    heading('Operating points'),
    tableOf(
      ['operating point', 'detector', 'FPR', 'FNR', 'fakes found', 'inconclusive'],
      points.flatMap((id) =>
        voices.map(([name, { operating_points }]) => {
          const { fpr, fnr, found, inconclusive } = operating_points[id]!;
          return [id, name, three(fpr), three(fnr), three(found), three(inconclusive)];
        }),
      ),
    ),
    heading('By source'),
    `<p>A source of one label only is held against all images of the other label.</p>`,
    tableOf(
      ['source', 'detector', 'n', 'real', 'fake', 'AUC', '95 %', 'FPR at .5', 'FNR at .5'],
      Object.entries(report.by_source).flatMap(([source, bySlot]) =>
        Object.entries(bySlot)
          .filter(([, figures]) => figures.n > 0)
          .map(([name, figures]) => [
            source,
            name,
            figures.n,
            figures.n_real,
            figures.n_fake,
            `${three(figures.auc)}${figures.auc_against === 'all' ? ' *' : ''}`,
            interval(figures.auc_interval),
            three(figures.fpr_at_half),
            three(figures.fnr_at_half),
          ]),
      ),
    ),
  ];
  if (Object.keys(report.robustness).length > 0) {
    sections.push(
      heading('Robustness'),
      tableOf(
        ['variant', 'detector', 'n', 'AUC', 'drop', 'FPR at .5', 'FNR at .5'],
        Object.entries(report.robustness).flatMap(([id, bySlot]) =>
          Object.entries(bySlot).map(([name, figures]) => [
            id,
            name,
            figures.n,
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
    sections.push(
      heading('False alarms at pictures of several real people'),
      `<p>Share of simulated pictures of real faces that the face detector alone calls manipulated.</p>`,
      tableOf(
        ['faces', ...points],
        Object.entries(report.group_false_alarms).map(([size, alarms]) => [
          size,
          ...points.map((id) => three(alarms[id]!)),
        ]),
      ),
    );
  }
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Evaluation of ${escapeHtml(dataset.name)}</title>
<style>${STYLE}</style>
<body>
${sections.join('\n')}
</body>
</html>
`;
}

const heading = (text: string) => `<h2>${text}</h2>`;

function tableOf(head: string[], rows: (string | number)[][]): string {
  const nameColumns = new Set(['bundle', 'detector']);
  const classOf = (column: number) => (nameColumns.has(head[column]!) ? ' class="name"' : '');
  const cells = (tag: 'th' | 'td', row: (string | number)[]) =>
    row.map((cell, i) => `<${tag}${classOf(i)}>${escapeHtml(String(cell))}</${tag}>`).join('');
  const body = rows.map((row) => `<tr>${cells('td', row)}</tr>`).join('\n');
  return `<div class="scroll"><table>\n<tr>${cells('th', head)}</tr>\n${body}\n</table></div>`;
}

/** Names come from files of others. */
const escapeHtml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
