import type { Manifest } from '@touchstone/models/manifest';

/**
 * P(manipulated) of each image, from the last value of a bundle's graphs. Throws on anything that is no probability:
 * a graph that gives NaN must not become a verdict.
 */
export function decodeOutput(values: Float32Array, count: number, output: Manifest['output']): Float32Array {
  if (values.length !== count * output.width) {
    throw new Error(`the graph gave ${values.length} values for ${count} images of ${output.width}`);
  }
  const scores = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    const row = values.subarray(i * output.width, (i + 1) * output.width);
    const score = decodeRow(row, output);
    if (!(score >= -1e-6 && score <= 1 + 1e-6)) throw new Error('the graph gave a value that is no probability');
    scores[i] = Math.min(1, Math.max(0, score));
  }
  return scores;
}

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

function decodeRow(row: Float32Array, { decode, index }: Manifest['output']): number {
  const value = row[index] ?? Number.NaN;
  switch (decode) {
    case 'probability':
      return value;
    case 'one-minus-probability':
      return 1 - value;
    case 'sigmoid':
      return sigmoid(value);
    case 'one-minus-sigmoid':
      return 1 - sigmoid(value);
    case 'softmax': {
      const largest = Math.max(...row);
      return Math.exp(value - largest) / row.reduce((sum, other) => sum + Math.exp(other - largest), 0);
    }
  }
}
