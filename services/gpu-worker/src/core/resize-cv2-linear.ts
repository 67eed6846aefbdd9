import type { Pixels } from '@touchstone/imaging/pixels';
import { windowOf, type ResizeTarget } from './resize-target.ts';

/** Two neighbours and their weights in units of 1/2048 for each target pixel of one axis. */
type Neighbours = { lo: Int32Array; hi: Int32Array; loWeight: Int32Array; hiWeight: Int32Array };

function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return rest > 0.5 ? floor + 1 : floor;
  return floor + (floor & 1);
}

/**
 * At the borders the fraction becomes 0 in x, but not in y, where only the row numbers are clamped: without that the
 * outer rows of enlargements are off by 1. Single precision where OpenCV has it.
 */
function neighbours(source: number, target: number, offset: number, length: number, isX: boolean): Neighbours {
  const lo = new Int32Array(length);
  const hi = new Int32Array(length);
  const loWeight = new Int32Array(length);
  const hiWeight = new Int32Array(length);
  for (let i = 0; i < length; i++) {
    const position = Math.fround((offset + i + 0.5) * (source / target) - 0.5);
    let floor = Math.floor(position);
    let fraction = Math.fround(position - floor);
    if (isX && (floor < 0 || floor >= source - 1)) {
      floor = floor < 0 ? 0 : source - 1;
      fraction = 0;
    }
    lo[i] = Math.min(Math.max(floor, 0), source - 1);
    hi[i] = Math.min(Math.max(floor + 1, 0), source - 1);
    loWeight[i] = roundHalfToEven(Math.fround(Math.fround(1 - fraction) * 2048));
    hiWeight[i] = roundHalfToEven(Math.fround(fraction * 2048));
  }
  return { lo, hi, loWeight, hiWeight };
}

/** `cv2.resize` with INTER_LINEAR on bytes, bit for bit; not antialiased, by design. Source: detectors.md section 4.2. */
export function resizeCv2Linear(source: Pixels, target: ResizeTarget): Pixels {
  const window = windowOf(target);
  const columns = neighbours(source.width, target.width, window.left, window.width, true);
  const rows = neighbours(source.height, target.height, window.top, window.height, false);
  const stride = window.width * 3;
  const data = new Uint8Array(window.height * stride);
  // Rows are needed in ascending order, two at a time: each is made once.
  let upper = { y: -1, sums: new Int32Array(stride) };
  let lower = { y: -1, sums: new Int32Array(stride) };
  for (let y = 0; y < window.height; y++) {
    const lo = rows.lo[y]!;
    const hi = rows.hi[y]!;
    if (lower.y === lo) [upper, lower] = [lower, upper];
    if (upper.y !== lo) upper = { y: lo, sums: sumRow(source, lo, columns, upper.sums) };
    if (lower.y !== hi) lower = { y: hi, sums: sumRow(source, hi, columns, lower.sums) };
    const a = upper.sums;
    const b = lower.sums;
    const aWeight = rows.loWeight[y]!;
    const bWeight = rows.hiWeight[y]!;
    const out = y * stride;
    for (let i = 0; i < stride; i++) {
      const weighedA = Math.imul(aWeight, a[i]! >> 4) >> 16;
      const weighedB = Math.imul(bWeight, b[i]! >> 4) >> 16;
      data[out + i] = (weighedA + weighedB + 2) >> 2;
    }
  }
  return { data, width: window.width, height: window.height };
}

function sumRow(
  source: Pixels,
  y: number,
  columns: Neighbours,
  sums: Int32Array<ArrayBuffer>,
): Int32Array<ArrayBuffer> {
  const { lo, hi, loWeight, hiWeight } = columns;
  const from = source.data;
  const row = y * source.width * 3;
  let out = 0;
  for (let x = 0; x < lo.length; x++) {
    const p = row + lo[x]! * 3;
    const q = row + hi[x]! * 3;
    const a = loWeight[x]!;
    const b = hiWeight[x]!;
    for (let c = 0; c < 3; c++) sums[out++] = Math.imul(from[p + c]!, a) + Math.imul(from[q + c]!, b);
  }
  return sums;
}
