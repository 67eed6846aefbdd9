import type { Weights } from './weights.ts';

/**
 * Reproducible random numbers in 0..1 for a name, the same in every language: FNV-1a over the name, then the finaliser of
 * MurmurHash3 over each index. detectors.md 6.5.
 */
export function seededUniform(name: string, count: number): Float64Array {
  // Where tests run, looking up a global costs more than the arithmetic.
  const { imul } = Math;
  let seed = 0x811c9dc5;
  for (const byte of Buffer.from(name)) seed = imul(seed ^ byte, 0x01000193) >>> 0;
  const uniform = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    let hash = (seed + imul(i, 0x9e3779b9)) >>> 0;
    hash ^= hash >>> 16;
    hash = imul(hash, 0x85ebca6b);
    hash ^= hash >>> 13;
    hash = imul(hash, 0xc2b2ae35);
    hash ^= hash >>> 16;
    uniform[i] = (hash >>> 0) / 2 ** 32;
  }
  return uniform;
}

export function seededTensor(name: string, count: number, low: number, high: number): Float32Array<ArrayBuffer> {
  const uniform = seededUniform(name, count);
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) values[i] = low + (high - low) * uniform[i]!;
  return values;
}

/** The value of a whole weight: positive for variances and gains, small for biases, else scaled by its fan-in. */
export function seededWeight(key: string, shape: readonly number[], gain: number): Float32Array<ArrayBuffer> {
  const product = (sizes: readonly number[]) => sizes.reduce((total, size) => total * size, 1);
  const count = product(shape);
  if (key.endsWith('running_var') || (shape.length === 1 && key.endsWith('weight'))) {
    return seededTensor(key, count, 0.5, 1.5);
  }
  if (shape.length <= 1) return seededTensor(key, count, -0.1, 0.1);
  const reach = Math.sqrt(3 / product(shape.slice(1))) * gain;
  return seededTensor(key, count, -reach, reach);
}

/** Weights that agree with whatever is asked of them; `shapes` is what was asked, counters included. */
export function createSeededWeights(gain: number): { weights: Weights; shapes: Map<string, readonly number[]> } {
  const shapes = new Map<string, readonly number[]>();
  return {
    shapes,
    weights: {
      take(key, shape) {
        shapes.set(key, shape);
        return { shape, values: async () => seededWeight(key, shape, gain) };
      },
      skip(key) {
        shapes.set(key, []);
      },
      shapeOf: () => null,
    },
  };
}
