import type { GraphBuilder } from './graph-builder.ts';
import type { Layers } from './graph-layers.ts';
import type { Embedding } from './timestep-zero.ts';

const NORM_GROUPS = 32;
const EPSILON = 1e-5;
const HEAD_CHANNELS = 64;

export type Norms = {
  /** Of [N, channels, side, side], with the scale and shift of an embedding folded in. */
  image(x: string, key: string, channels: number, sidePx: number, embedding?: Embedding): string;
  /** Of [N, channels, positions]. */
  sequence(x: string, key: string, channels: number): string;
};

/** Group norm in the operators of opset 17: each group as one channel of an instance norm. */
export function createNorms({ g, weights }: Layers): Norms {
  const ones = g.floats(
    [NORM_GROUPS],
    Array.from({ length: NORM_GROUPS }, () => 1),
  );
  const zeros = g.floats(
    [NORM_GROUPS],
    Array.from({ length: NORM_GROUPS }, () => 0),
  );
  const grouped = g.int64s([0, NORM_GROUPS, -1]);
  const norm = (x: string, key: string, shapes: { restored: number[]; affine: number[] }, embedding?: Embedding) => {
    const channels = shapes.affine[0]!;
    const weight = weights.take(`${key}.weight`, [channels]);
    const bias = weights.take(`${key}.bias`, [channels]);
    const gains = async () => {
      const values = await weight.values();
      if (embedding === undefined) return values;
      const { scale } = await embedding();
      return values.map((value, i) => value * (1 + scale[i]!));
    };
    const offsets = async () => {
      const values = await bias.values();
      if (embedding === undefined) return values;
      const { scale, shift } = await embedding();
      return values.map((value, i) => value * (1 + scale[i]!) + shift[i]!);
    };
    const perGroup = g.op('InstanceNormalization', [g.op('Reshape', [x, grouped]), ones, zeros], {
      epsilon: { float: EPSILON },
    });
    const restored = g.op('Reshape', [perGroup, g.int64s(shapes.restored)]);
    return g.op('Add', [g.op('Mul', [restored, g.weight(shapes.affine, gains)]), g.weight(shapes.affine, offsets)]);
  };
  return {
    image: (x, key, channels, sidePx, embedding) =>
      norm(x, key, { restored: [0, channels, sidePx, sidePx], affine: [channels, 1, 1] }, embedding),
    sequence: (x, key, channels) => norm(x, key, { restored: [0, channels, -1], affine: [channels, 1] }),
  };
}

/** Self-attention over all positions, in heads of 64 channels, added to its input. */
export function addAttention(
  { g, weights }: Layers,
  norms: Norms,
  { name, channels, sidePx }: { name: string; channels: number; sidePx: number },
  key: string,
): string {
  const positions = sidePx * sidePx;
  const pointwise = (x: string, layer: string, out: number) => {
    const weight = weights.take(`${layer}.weight`, [out, channels, 1]);
    const bias = weights.take(`${layer}.bias`, [out]);
    const inputs = [x, g.weight([out, channels, 1], weight.values), g.weight([out], bias.values)];
    return g.op('Conv', inputs, { kernel_shape: { ints: [1] } });
  };
  const flat = g.op('Reshape', [name, g.int64s([0, channels, -1])]);
  const qkv = pointwise(norms.sequence(flat, `${key}.norm`, channels), `${key}.qkv`, 3 * channels);
  // Heads come first; query, key and value lie inside each.
  const heads = g.op('Reshape', [qkv, g.int64s([-1, channels / HEAD_CHANNELS, 3 * HEAD_CHANNELS, positions])]);
  const parts = g.opMany('Split', [heads, g.int64s([HEAD_CHANNELS, HEAD_CHANNELS, HEAD_CHANNELS])], 3, {
    axis: { int: 2 },
  });
  const [query, keys, values] = parts as [string, string, string];
  // Half of the scaling on either side keeps the products in the range of fp16.
  const scale = g.floats([], [HEAD_CHANNELS ** -0.25]);
  const scores = g.op('MatMul', [swapLast(g, g.op('Mul', [query, scale])), g.op('Mul', [keys, scale])]);
  const shares = g.op('Softmax', [scores], { axis: { int: -1 } });
  const gathered = g.op('Reshape', [
    g.op('MatMul', [values, swapLast(g, shares)]),
    g.int64s([-1, channels, positions]),
  ]);
  const sum = g.op('Add', [flat, pointwise(gathered, `${key}.proj_out`, channels)]);
  return g.op('Reshape', [sum, g.int64s([0, channels, sidePx, sidePx])]);
}

const swapLast = (g: GraphBuilder, x: string) => g.op('Transpose', [x], { perm: { ints: [0, 1, 3, 2] } });
