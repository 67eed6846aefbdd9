import type { Weight, Weights } from './weights.ts';

/** Scale and shift of a residual block's second norm, for the one timestep that is used. */
export type Embedding = () => Promise<{ scale: Float64Array; shift: Float64Array }>;

/**
 * The conditioning of the diffusion model at timestep 0, where the sinusoid is half ones and half zeros:
 * silu(W2 silu(W1 s + b1) + b2), computed once, then one linear layer per block.
 */
export function createTimestepZero(
  weights: Weights,
  baseWidth: number,
): { embedding(key: string, out: number): Embedding } {
  const width = 4 * baseWidth;
  const first = takeLinear(weights, 'time_embed.0', { in: baseWidth, out: width });
  const second = takeLinear(weights, 'time_embed.2', { in: width, out: width });
  let embedded: Promise<Float64Array> | null = null;
  const embed = async () => {
    const sinusoid = new Float64Array(baseWidth).fill(1, 0, baseWidth / 2);
    return silu(await apply(second, silu(await apply(first, sinusoid))));
  };
  return {
    embedding(key, out) {
      const layer = takeLinear(weights, key, { in: width, out: 2 * out });
      return async () => {
        embedded ??= embed();
        const values = await apply(layer, await embedded);
        return { scale: values.subarray(0, out), shift: values.subarray(out) };
      };
    },
  };
}

type Linear = { weight: Weight; bias: Weight };

const takeLinear = (weights: Weights, key: string, size: { in: number; out: number }): Linear => ({
  weight: weights.take(`${key}.weight`, [size.out, size.in]),
  bias: weights.take(`${key}.bias`, [size.out]),
});

async function apply({ weight, bias }: Linear, input: Float64Array): Promise<Float64Array> {
  const [matrix, offsets] = [await weight.values(), await bias.values()];
  return Float64Array.from(offsets, (offset, row) => {
    let sum = offset;
    for (let i = 0; i < input.length; i++) sum += matrix[row * input.length + i]! * input[i]!;
    return sum;
  });
}

const silu = (values: Float64Array) => values.map((x) => x / (1 + Math.exp(-x)));
