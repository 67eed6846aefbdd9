import type { GraphBuilder } from './graph-builder.ts';
import { conv, swish, type Layers } from './graph-layers.ts';
import { addAttention, createNorms } from './unet-blocks.ts';
import { createTimestepZero } from './timestep-zero.ts';

/** Side of the picture in px. */
export const UNET_SIDE_PX = 256;
/** Widths of the levels, in units of the base width; each level halves the side. */
const MULTIPLIERS = [1, 1, 2, 2, 4, 4];
const BLOCKS_PER_LEVEL = 2;
const ATTENTION_SIDES_PX = [32, 16, 8];
/** The first beta of the linear schedule of 1,000 steps. */
const FIRST_BETA = 1e-4;

type Value = { name: string; channels: number; sidePx: number };

/**
 * ADM, unconditional, 256 px, at timestep 0: from `x` [N, 3, 256, 256] in -1..1 to the noise that it sees, of the same
 * shape. The timestep is a constant, so its embedding is folded into the norms, and of the six outputs only the three of
 * the noise remain. detectors.md 3.1 and 3.3.
 */
export function addDiffusionUnet(layers: Layers, x: string, baseWidth: number): string {
  const { g } = layers;
  const norms = createNorms(layers);
  const timestep = createTimestepZero(layers.weights, baseWidth);

  const resBlock = (value: Value, key: string, out: number, resample: 'down' | 'up' | null = null): Value => {
    const { channels, sidePx } = value;
    const outPx = resample === 'down' ? sidePx / 2 : resample === 'up' ? sidePx * 2 : sidePx;
    const resampled = (name: string) => (resample === null ? name : RESAMPLE[resample](g, name));
    let inner = swish(g, norms.image(value.name, `${key}.in_layers.0`, channels, sidePx));
    inner = conv(layers, resampled(inner), `${key}.in_layers.2`, { in: channels, out, kernel: 3 });
    inner = swish(
      g,
      norms.image(inner, `${key}.out_layers.0`, out, outPx, timestep.embedding(`${key}.emb_layers.1`, out)),
    );
    inner = conv(layers, inner, `${key}.out_layers.3`, { in: out, out, kernel: 3 });
    let shortcut = resampled(value.name);
    if (channels !== out) shortcut = conv(layers, shortcut, `${key}.skip_connection`, { in: channels, out, kernel: 1 });
    return { name: g.op('Add', [shortcut, inner]), channels: out, sidePx: outPx };
  };
  const attend = (value: Value, key: string): Value => ({ ...value, name: addAttention(layers, norms, value, key) });
  const hasAttention = ({ sidePx }: Value) => ATTENTION_SIDES_PX.includes(sidePx);

  let value: Value = {
    name: conv(layers, x, 'input_blocks.0.0', { in: 3, out: baseWidth, kernel: 3 }),
    channels: baseWidth,
    sidePx: UNET_SIDE_PX,
  };
  const skipped: Value[] = [value];
  MULTIPLIERS.forEach((multiplier, level) => {
    for (let i = 0; i < BLOCKS_PER_LEVEL; i++) {
      const at = `input_blocks.${skipped.length}`;
      value = resBlock(value, `${at}.0`, multiplier * baseWidth);
      if (hasAttention(value)) value = attend(value, `${at}.1`);
      skipped.push(value);
    }
    if (level === MULTIPLIERS.length - 1) return;
    value = resBlock(value, `input_blocks.${skipped.length}.0`, value.channels, 'down');
    skipped.push(value);
  });

  value = resBlock(value, 'middle_block.0', value.channels);
  value = attend(value, 'middle_block.1');
  value = resBlock(value, 'middle_block.2', value.channels);

  let block = 0;
  for (let level = MULTIPLIERS.length - 1; level >= 0; level--) {
    for (let i = 0; i <= BLOCKS_PER_LEVEL; i++, block++) {
      const at = `output_blocks.${block}`;
      const skip = skipped.pop()!;
      const joined = g.op('Concat', [value.name, skip.name], { axis: { int: 1 } });
      value = { name: joined, channels: value.channels + skip.channels, sidePx: value.sidePx };
      value = resBlock(value, `${at}.0`, MULTIPLIERS[level]! * baseWidth);
      if (hasAttention(value)) value = attend(value, `${at}.1`);
      if (level > 0 && i === BLOCKS_PER_LEVEL) {
        const index = hasAttention(value) ? 2 : 1;
        value = resBlock(value, `${at}.${index}`, value.channels, 'up');
      }
    }
  }
  return clampNoise(
    g,
    x,
    addNoiseOutput(layers, swish(g, norms.image(value.name, 'out.0', baseWidth, UNET_SIDE_PX)), baseWidth),
  );
}

/** The last convolution, of which the first three of six channels are the noise and the others its variance. */
function addNoiseOutput({ g, weights }: Layers, x: string, width: number): string {
  const weight = weights.take('out.2.weight', [6, width, 3, 3]);
  const bias = weights.take('out.2.bias', [6]);
  const inputs = [
    x,
    g.weight([3, width, 3, 3], async () => (await weight.values()).slice(0, 27 * width)),
    g.weight([3], async () => (await bias.values()).slice(0, 3)),
  ];
  return g.op('Conv', inputs, { kernel_shape: { ints: [3, 3] }, pads: { ints: [1, 1, 1, 1] } });
}

/**
 * min(max(noise, (a x - 1) / b), (a x + 1) / b): what clamping the predicted image to -1..1 comes to, in a form that does
 * not lose digits (detectors.md 3.1, step 5).
 */
function clampNoise(g: GraphBuilder, x: string, noise: string): string {
  const a = Math.sqrt(1 / (1 - FIRST_BETA));
  const b = Math.sqrt(1 / (1 - FIRST_BETA) - 1);
  const centre = g.op('Mul', [x, g.floats([], [a / b])]);
  const reach = g.floats([], [1 / b]);
  return g.op('Min', [g.op('Max', [noise, g.op('Sub', [centre, reach])]), g.op('Add', [centre, reach])]);
}

const RESAMPLE = {
  down: (g: GraphBuilder, x: string) =>
    g.op('AveragePool', [x], { kernel_shape: { ints: [2, 2] }, strides: { ints: [2, 2] } }),
  up: (g: GraphBuilder, x: string) =>
    g.op('Resize', [x, '', g.floats([4], [1, 1, 2, 2])], {
      mode: { string: 'nearest' },
      coordinate_transformation_mode: { string: 'asymmetric' },
      nearest_mode: { string: 'floor' },
    }),
};
