import type { ReliabilityBin } from '@touchstone/fusion/calibration-error';
import type { RocPoint } from '@touchstone/fusion/roc-curve';

const SIDE = 240;
const LEFT = 38;
const TOP = 8;
const BOTTOM = 34;
/** More points than pixels draw nothing more. */
const MAX_ROC_POINTS = 400;

const x = (share: number) => (LEFT + share * SIDE).toFixed(1);
const y = (share: number) => (TOP + (1 - share) * SIDE).toFixed(1);

/** A ROC curve as inline SVG. */
export function plotRoc(name: string, points: readonly RocPoint[]): string {
  const step = Math.max(1, Math.ceil(points.length / MAX_ROC_POINTS));
  const shown = points.filter((_, i) => i % step === 0 || i === points.length - 1);
  const line = shown.map(({ fpr, tpr }) => `${x(fpr)},${y(tpr)}`).join(' ');
  const curve = points.length === 0 ? '' : `<polyline class="curve" points="${line}"/>`;
  return frame(`${name}: ROC`, 'real called fake', 'fake found', curve);
}

/** A reliability diagram as inline SVG. */
export function plotReliability(name: string, bins: readonly ReliabilityBin[]): string {
  const largest = Math.max(1, ...bins.map(({ count }) => count));
  const filled = bins.filter(({ count }) => count > 0);
  const line = filled.map(({ told, found }) => `${x(told!)},${y(found!)}`).join(' ');
  const dots = filled.map(({ told, found, count }) => {
    const radius = (2 + 5 * Math.sqrt(count / largest)).toFixed(1);
    const title = `<title>${count} images: told ${told!.toFixed(2)}, found ${found!.toFixed(2)}</title>`;
    return `<circle class="dot" cx="${x(told!)}" cy="${y(found!)}" r="${radius}">${title}</circle>`;
  });
  return frame(`${name}: reliability`, 'told', 'found', `<polyline class="curve" points="${line}"/>${dots.join('')}`);
}

function frame(title: string, xName: string, yName: string, content: string): string {
  const ticks = [0, 0.5, 1].map(
    (share) =>
      `<text x="${x(share)}" y="${TOP + SIDE + 14}" text-anchor="middle">${share}</text>` +
      `<text x="${LEFT - 5}" y="${Number(y(share)) + 4}" text-anchor="end">${share}</text>`,
  );
  const middle = TOP + SIDE / 2;
  return (
    `<figure><figcaption>${title}</figcaption>` +
    `<svg role="img" aria-label="${title}" width="${LEFT + SIDE + 12}" height="${TOP + SIDE + BOTTOM}">` +
    `<rect class="frame" x="${LEFT}" y="${TOP}" width="${SIDE}" height="${SIDE}"/>` +
    `<line class="even" x1="${x(0)}" y1="${y(0)}" x2="${x(1)}" y2="${y(1)}"/>${content}${ticks.join('')}` +
    `<text x="${LEFT + SIDE / 2}" y="${TOP + SIDE + 28}" text-anchor="middle">${xName}</text>` +
    `<text x="12" y="${middle}" text-anchor="middle" transform="rotate(-90 12 ${middle})">${yName}</text>` +
    `</svg></figure>`
  );
}
