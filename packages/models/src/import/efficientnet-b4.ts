import { conv, convNorm, globalMean, linear, swish, type Layers } from './graph-layers.ts';

/** Side of the picture in px. The paddings follow from it, so it is fixed. */
export const B4_SIDE_PX = 380;
const EPSILON = 1e-3;

/** Stages of inverted residual blocks: detectors.md 2.1. */
const STAGES = [
  { kernel: 3, stride: 1, in: 48, out: 24, blocks: 2, expand: 1 },
  { kernel: 3, stride: 2, in: 24, out: 32, blocks: 4, expand: 6 },
  { kernel: 5, stride: 2, in: 32, out: 56, blocks: 4, expand: 6 },
  { kernel: 3, stride: 2, in: 56, out: 112, blocks: 6, expand: 6 },
  { kernel: 5, stride: 1, in: 112, out: 160, blocks: 6, expand: 6 },
  { kernel: 5, stride: 2, in: 160, out: 272, blocks: 8, expand: 6 },
  { kernel: 3, stride: 1, in: 272, out: 448, blocks: 2, expand: 6 },
];
const STEM = 48;
const HEAD = 1_792;

/** EfficientNet-B4 with two classes: from `x` [N, 3, 380, 380] in 0..1 to logits [N, 2], the second of which is fake. */
export function addEfficientNetB4(layers: Layers, x: string): string {
  const { g } = layers;
  let sizePx = B4_SIDE_PX;
  const padded = (kernel: number, stride: number) => {
    const pads = samePads(kernel, stride, sizePx);
    sizePx = Math.ceil(sizePx / stride);
    return { kernel, stride, pads };
  };
  const norm = (value: string, conv: string, bn: string, shape: Omit<Parameters<typeof convNorm>[3], 'epsilon'>) =>
    convNorm(layers, value, { conv: `net.${conv}`, norm: `net.${bn}` }, { ...shape, epsilon: EPSILON });

  let value = swish(g, norm(x, '_conv_stem', '_bn0', { in: 3, out: STEM, ...padded(3, 2) }));
  let block = 0;
  for (const stage of STAGES) {
    for (let i = 0; i < stage.blocks; i++, block++) {
      const input = i === 0 ? stage.in : stage.out;
      const stride = i === 0 ? stage.stride : 1;
      const inner = input * stage.expand;
      const squeezed = input / 4;
      const at = `_blocks.${block}`;
      const before = value;
      if (stage.expand !== 1) {
        value = swish(g, norm(value, `${at}._expand_conv`, `${at}._bn0`, { in: input, out: inner, kernel: 1 }));
      }
      const depthwise = { in: inner, out: inner, groups: inner, ...padded(stage.kernel, stride) };
      value = swish(g, norm(value, `${at}._depthwise_conv`, `${at}._bn1`, depthwise));
      const mean = g.op('GlobalAveragePool', [value]);
      const reduced = conv(layers, mean, `net.${at}._se_reduce`, { in: inner, out: squeezed, kernel: 1 });
      const gate = conv(layers, swish(g, reduced), `net.${at}._se_expand`, { in: squeezed, out: inner, kernel: 1 });
      value = g.op('Mul', [value, g.op('Sigmoid', [gate])]);
      value = norm(value, `${at}._project_conv`, `${at}._bn2`, { in: inner, out: stage.out, kernel: 1 });
      if (stride === 1 && input === stage.out) value = g.op('Add', [value, before]);
    }
  }
  value = swish(g, norm(value, '_conv_head', '_bn1', { in: STAGES.at(-1)!.out, out: HEAD, kernel: 1 }));
  return linear(layers, globalMean(g, value), 'net._fc', { in: HEAD, out: 2 });
}

/** TensorFlow's rule: as many px as are missing, the odd one at the bottom and right. */
function samePads(kernel: number, stride: number, sizePx: number): [number, number, number, number] {
  const total = Math.max((Math.ceil(sizePx / stride) - 1) * stride + kernel - sizePx, 0);
  const before = Math.floor(total / 2);
  const after = total - before;
  return [before, before, after, after];
}
