/** A resampling kernel: its value at a distance from the centre, and where it becomes 0. */
export type ResampleFilter = { support: number; weigh(distance: number): number };

export const TRIANGLE: ResampleFilter = { support: 1, weigh: (x) => Math.max(0, 1 - Math.abs(x)) };

const A = -0.5;
export const CUBIC: ResampleFilter = {
  support: 2,
  weigh(distance) {
    const x = Math.abs(distance);
    if (x < 1) return ((A + 2) * x - (A + 3)) * x * x + 1;
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * A : 0;
  },
};

/** Which source pixels make each target pixel of one axis: `values` holds `taps` weights per target, summing to 1. */
export type AxisWeights = { taps: number; first: Int32Array; count: Int32Array; values: Float64Array };

/**
 * Antialiased weights of targets `offset` to `offset + length` when `source` pixels become `target`: the kernel is
 * widened by the scale when shrinking. Source: detectors.md sections 4.3 and 4.4.
 */
export function axisWeights(
  filter: ResampleFilter,
  source: number,
  target: number,
  offset = 0,
  length = target,
): AxisWeights {
  const scale = source / target;
  const spread = Math.max(scale, 1);
  const support = filter.support * spread;
  const taps = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(length);
  const count = new Int32Array(length);
  const values = new Float64Array(length * taps);
  for (let i = 0; i < length; i++) {
    const centre = scale * (offset + i + 0.5);
    const lo = Math.max(Math.trunc(centre - support + 0.5), 0);
    const hi = Math.min(Math.trunc(centre + support + 0.5), source);
    let sum = 0;
    for (let k = lo; k < hi; k++) {
      const weight = filter.weigh((k - centre + 0.5) * (1 / spread));
      values[i * taps + k - lo] = weight;
      sum += weight;
    }
    if (sum !== 0) for (let k = 0; k < hi - lo; k++) values[i * taps + k]! *= 1 / sum;
    first[i] = lo;
    count[i] = hi - lo;
  }
  return { taps, first, count, values };
}
