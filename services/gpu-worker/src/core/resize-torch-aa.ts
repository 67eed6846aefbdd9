import type { Pixels } from '@touchstone/imaging/pixels';
import { windowOf, type Planes, type ResizeTarget } from './resize-target.ts';
import { axisWeights, TRIANGLE, type AxisWeights } from './resize-weights.ts';

/**
 * torchvision's antialiased bilinear `Resize` on float32 planes of v / 127.5 - 1: horizontal pass first, no rounding to
 * bytes anywhere. Within 1.5e-5 of torchvision. Source: detectors.md section 4.3.
 */
export function resizeTorchAa(source: Pixels, target: ResizeTarget): Planes {
  const window = windowOf(target);
  const columns = axisWeights(TRIANGLE, source.width, target.width, window.left, window.width);
  const rows = axisWeights(TRIANGLE, source.height, target.height, window.top, window.height);
  const top = rows.first[0]!;
  const bottom = rows.first.at(-1)! + rows.count.at(-1)!;
  const band = resizeRows(source, top, bottom, columns);

  const { width, height } = window;
  const data = new Float32Array(3 * height * width);
  const sums = new Float64Array(width);
  for (let c = 0; c < 3; c++) {
    for (let y = 0; y < height; y++) {
      sums.fill(0);
      for (let k = 0; k < rows.count[y]!; k++) {
        const weight = rows.values[y * rows.taps + k]!;
        const from = (c * (bottom - top) + rows.first[y]! + k - top) * width;
        for (let x = 0; x < width; x++) sums[x] = sums[x]! + band[from + x]! * weight;
      }
      data.set(sums, (c * height + y) * width);
    }
  }
  return { data, width, height };
}

/** Planes of the source rows `top` to `bottom`, resized horizontally. */
function resizeRows(source: Pixels, top: number, bottom: number, weights: AxisWeights): Float32Array {
  const { taps, first, count, values } = weights;
  const width = first.length;
  const plane = (bottom - top) * width;
  const from = source.data;
  const data = new Float32Array(3 * plane);
  for (let y = top; y < bottom; y++) {
    const row = y * source.width * 3;
    for (let x = 0; x < width; x++) {
      let r = 0;
      let g = 0;
      let b = 0;
      let p = row + first[x]! * 3;
      const end = x * taps + count[x]!;
      for (let k = x * taps; k < end; k++) {
        const weight = values[k]!;
        r += from[p]! * weight;
        g += from[p + 1]! * weight;
        b += from[p + 2]! * weight;
        p += 3;
      }
      const out = (y - top) * width + x;
      data[out] = r / 127.5 - 1;
      data[plane + out] = g / 127.5 - 1;
      data[2 * plane + out] = b / 127.5 - 1;
    }
  }
  return data;
}
