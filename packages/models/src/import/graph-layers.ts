import type { AttributeValue } from '../onnx-writer.ts';
import type { GraphBuilder } from './graph-builder.ts';
import { ImportError } from './import-error.ts';
import type { Weights } from './weights.ts';

export type Layers = { g: GraphBuilder; weights: Weights };

export type ConvShape = {
  in: number;
  out: number;
  kernel: number;
  stride?: number;
  /** Top, left, bottom, right. Half the kernel on every side when absent. */
  pads?: [number, number, number, number];
  groups?: number;
};

function convAttributes({ kernel, stride = 1, pads, groups = 1 }: ConvShape): Record<string, AttributeValue> {
  const half = kernel >> 1;
  return {
    kernel_shape: { ints: [kernel, kernel] },
    strides: { ints: [stride, stride] },
    pads: { ints: pads ?? [half, half, half, half] },
    group: { int: groups },
  };
}

const convDims = ({ in: inputs, out, kernel, groups = 1 }: ConvShape) => [out, inputs / groups, kernel, kernel];

/** A convolution with bias, of `{key}.weight` and `{key}.bias`. */
export function conv({ g, weights }: Layers, x: string, key: string, shape: ConvShape): string {
  const dims = convDims(shape);
  const weight = weights.take(`${key}.weight`, dims);
  const bias = weights.take(`${key}.bias`, [shape.out]);
  return g.op('Conv', [x, g.weight(dims, weight.values), g.weight([shape.out], bias.values)], convAttributes(shape));
}

/**
 * A convolution without bias and the batch norm behind it, as one convolution: weight x gamma / sqrt(variance + eps), and
 * beta - mean x gamma / sqrt(variance + eps) as its bias. Computed in double.
 */
export function convNorm(
  { g, weights }: Layers,
  x: string,
  keys: { conv: string; norm: string },
  shape: ConvShape & { epsilon: number },
): string {
  const dims = convDims(shape);
  const weight = weights.take(`${keys.conv}.weight`, dims);
  const [gamma, beta, mean, variance] = (['weight', 'bias', 'running_mean', 'running_var'] as const).map((name) =>
    weights.take(`${keys.norm}.${name}`, [shape.out]),
  ) as [Taken, Taken, Taken, Taken];
  weights.skip(`${keys.norm}.num_batches_tracked`);
  const scales = async () => {
    const [gains, variances] = [await gamma.values(), await variance.values()];
    return Float64Array.from(gains, (gain, i) => {
      const scale = gain / Math.sqrt(variances[i]! + shape.epsilon);
      if (!Number.isFinite(scale)) throw new ImportError(`${keys.norm}.running_var holds a variance that is none`);
      return scale;
    });
  };
  const folded = async () => {
    const [values, scale] = [await weight.values(), await scales()];
    const perOutput = values.length / shape.out;
    for (let i = 0, output = 0; output < shape.out; output++) {
      for (const end = i + perOutput; i < end; i++) values[i] = values[i]! * scale[output]!;
    }
    return values;
  };
  const bias = async () => {
    const [offsets, means, scale] = [await beta.values(), await mean.values(), await scales()];
    return Float32Array.from(offsets, (offset, i) => offset - means[i]! * scale[i]!);
  };
  return g.op('Conv', [x, g.weight(dims, folded), g.weight([shape.out], bias)], convAttributes(shape));
}

type Taken = ReturnType<Weights['take']>;

/** A fully connected layer of `{key}.weight` [out, in] and `{key}.bias`. */
export function linear({ g, weights }: Layers, x: string, key: string, size: { in: number; out: number }): string {
  const weight = weights.take(`${key}.weight`, [size.out, size.in]);
  const bias = weights.take(`${key}.bias`, [size.out]);
  const inputs = [x, g.weight([size.out, size.in], weight.values), g.weight([size.out], bias.values)];
  return g.op('Gemm', inputs, { transB: { int: 1 } });
}

/** x times sigmoid(x); also called SiLU. */
export const swish = (g: GraphBuilder, x: string) => g.op('Mul', [x, g.op('Sigmoid', [x])]);

/** Mean over all positions, as [N, channels]. */
export const globalMean = (g: GraphBuilder, x: string) => g.op('Flatten', [g.op('GlobalAveragePool', [x])]);
