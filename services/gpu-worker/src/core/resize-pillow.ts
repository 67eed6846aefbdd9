import type { Pixels } from '@touchstone/imaging/pixels';
import { windowOf, type ResizeTarget } from './resize-target.ts';
import { axisWeights, type ResampleFilter } from './resize-weights.ts';

/** Weights are integers in units of 2^-22; sums start at one half. */
const PRECISION_BITS = 22;
const HALF = 1 << (PRECISION_BITS - 1);

/**
 * Pillow's `Image.resize` on bytes, bit for bit: a horizontal pass, then a vertical one, rounded to bytes in between; a
 * pass whose size does not change is skipped. Source: detectors.md section 4.4.
 */
export function resizePillow(source: Pixels, target: ResizeTarget, filter: ResampleFilter): Pixels {
  const window = windowOf(target);
  const rows =
    target.height === source.height
      ? null
      : integerWeights(filter, source.height, target.height, window.top, window.height);
  // Only the source rows that the vertical pass will read go through the horizontal one.
  const top = rows === null ? window.top : rows.first[0]!;
  const bottom = rows === null ? window.top + window.height : rows.first.at(-1)! + rows.count.at(-1)!;
  const band =
    target.width === source.width
      ? cutColumns(source, top, bottom, window.left, window.width)
      : resizeRows(source, top, bottom, integerWeights(filter, source.width, target.width, window.left, window.width));
  return rows === null ? band : resizeColumns(band, top, rows);
}

type IntegerWeights = { taps: number; first: Int32Array; count: Int32Array; values: Int32Array };

function integerWeights(...axis: Parameters<typeof axisWeights>): IntegerWeights {
  const weights = axisWeights(...axis);
  const values = new Int32Array(weights.values.length);
  for (let i = 0; i < values.length; i++) {
    const scaled = weights.values[i]! * (1 << PRECISION_BITS);
    values[i] = Math.trunc(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
  }
  return { ...weights, values };
}

function cutColumns(source: Pixels, top: number, bottom: number, left: number, width: number): Pixels {
  const data = new Uint8Array((bottom - top) * width * 3);
  for (let y = top; y < bottom; y++) {
    const start = (y * source.width + left) * 3;
    data.set(source.data.subarray(start, start + width * 3), (y - top) * width * 3);
  }
  return { data, width, height: bottom - top };
}

function resizeRows(source: Pixels, top: number, bottom: number, weights: IntegerWeights): Pixels {
  const { taps, first, count, values } = weights;
  const width = first.length;
  const from = source.data;
  // Stores clamp to 0..255: cubic sums leave the range.
  const data = new Uint8ClampedArray((bottom - top) * width * 3);
  let out = 0;
  for (let y = top; y < bottom; y++) {
    const row = y * source.width * 3;
    for (let x = 0; x < width; x++) {
      let r = HALF;
      let g = HALF;
      let b = HALF;
      let p = row + first[x]! * 3;
      const end = x * taps + count[x]!;
      for (let k = x * taps; k < end; k++) {
        const weight = values[k]!;
        r = (r + Math.imul(from[p]!, weight)) | 0;
        g = (g + Math.imul(from[p + 1]!, weight)) | 0;
        b = (b + Math.imul(from[p + 2]!, weight)) | 0;
        p += 3;
      }
      data[out++] = r >> PRECISION_BITS;
      data[out++] = g >> PRECISION_BITS;
      data[out++] = b >> PRECISION_BITS;
    }
  }
  return { data: new Uint8Array(data.buffer), width, height: bottom - top };
}

/** `band` holds the source rows from `top` on. */
function resizeColumns(band: Pixels, top: number, weights: IntegerWeights): Pixels {
  const { taps, first, count, values } = weights;
  const height = first.length;
  const from = band.data;
  const stride = band.width * 3;
  const data = new Uint8ClampedArray(height * stride);
  const sums = new Int32Array(stride);
  for (let y = 0; y < height; y++) {
    sums.fill(HALF);
    for (let k = 0; k < count[y]!; k++) {
      const weight = values[y * taps + k]!;
      const row = (first[y]! + k - top) * stride;
      for (let i = 0; i < stride; i++) sums[i] = (sums[i]! + Math.imul(from[row + i]!, weight)) | 0;
    }
    const out = y * stride;
    for (let i = 0; i < stride; i++) data[out + i] = sums[i]! >> PRECISION_BITS;
  }
  return { data: new Uint8Array(data.buffer), width: band.width, height };
}
