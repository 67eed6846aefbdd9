import { convNorm, globalMean, linear, type ConvShape, type Layers } from './graph-layers.ts';

const EPSILON = 1e-5;
/** Bottleneck blocks of the four layers, and their inner width. */
const LAYERS = [
  { blocks: 3, width: 64, stride: 1 },
  { blocks: 4, width: 128, stride: 2 },
  { blocks: 6, width: 256, stride: 2 },
  { blocks: 3, width: 512, stride: 2 },
];
/** A block's output is so many times its inner width. */
const EXPANSION = 4;

/** The student of DistilDIRE, a ResNet-50: from `x` [N, channels, 256, 256] to one logit [N, 1]. Keys: detectors.md 3.4. */
export function addResnetStudent(layers: Layers, x: string, channels: number): string {
  const { g } = layers;
  const norm = (value: string, conv: string, bn: string, shape: ConvShape) =>
    convNorm(
      layers,
      value,
      { conv: `student_backbone.${conv}`, norm: `student_backbone.${bn}` },
      { ...shape, epsilon: EPSILON },
    );
  const relu = (value: string) => g.op('Relu', [value]);

  let value = relu(norm(x, 'conv1', 'bn1', { in: channels, out: 64, kernel: 7, stride: 2 }));
  value = g.op('MaxPool', [value], {
    kernel_shape: { ints: [3, 3] },
    strides: { ints: [2, 2] },
    pads: { ints: [1, 1, 1, 1] },
  });
  let input = 64;
  LAYERS.forEach((layer, l) => {
    const output = layer.width * EXPANSION;
    for (let b = 0; b < layer.blocks; b++) {
      const at = `layer${l + 1}.${b}`;
      const stride = b === 0 ? layer.stride : 1;
      const { width } = layer;
      let inner = relu(norm(value, `${at}.conv1`, `${at}.bn1`, { in: input, out: width, kernel: 1 }));
      inner = relu(norm(inner, `${at}.conv2`, `${at}.bn2`, { in: width, out: width, kernel: 3, stride }));
      inner = norm(inner, `${at}.conv3`, `${at}.bn3`, { in: width, out: output, kernel: 1 });
      const shortcut =
        b === 0
          ? norm(value, `${at}.downsample.0`, `${at}.downsample.1`, { in: input, out: output, kernel: 1, stride })
          : value;
      value = relu(g.op('Add', [inner, shortcut]));
      input = output;
    }
  });
  return linear(layers, globalMean(g, value), 'student_head.2', { in: input, out: 1 });
}
