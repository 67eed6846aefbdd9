import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeGoldenPixels } from './golden-inputs.ts';
import { Manifest, type PreparationStep } from './manifest.ts';
import { encodeOnnxModel, floatConstant, type OnnxGraph, type OnnxValue } from './onnx-writer.ts';

export type TinyBundleOptions = {
  scope: Manifest['scope'];
  /** Two graphs, the second of which reads the picture and what the first one wrote. */
  isChained?: boolean;
  /** Width and height of the tensor. */
  sidePx?: number;
  /** The only batch size that the graph takes; any when absent. Not for chains. */
  fixedBatch?: number;
};

const DEFAULT_SIDE_PX = 32;
const BRIGHTNESS_UNIT = 32;

/** What a tiny bundle answers for pixels of this mean byte: black is 0.02, mid grey 0.5, white 0.98. */
export function tinyProbability(meanByte: number): number {
  return 1 / (1 + Math.exp((127.5 - meanByte) / BRIGHTNESS_UNIT));
}

/**
 * Writes a complete bundle of a few hundred bytes into `folder`: the tensor names and types of a real one, and the
 * brightness of the picture as its score, so that a test can say in closed form what must come out.
 */
export async function writeTinyBundle(folder: string, options: TinyBundleOptions): Promise<Manifest> {
  const sidePx = options.sidePx ?? DEFAULT_SIDE_PX;
  const graphs = options.isChained ? chainedGraphs(sidePx) : [singleGraph(sidePx, options.fixedBatch ?? 'N')];
  const manifest = Manifest.parse({
    format: 1,
    id: `tiny-${options.scope}${options.isChained ? '-chained' : ''}`,
    version: '1.0.0',
    description: 'Scores the brightness of the picture. For tests: it detects nothing.',
    scope: options.scope,
    licence: { id: 'LicenseRef-touchstone-test', commercial_use: 'yes', attribution: 'Made by the Touchstone tests.' },
    source: 'written by tiny-bundle.ts',
    decode: { orientation: 'apply' },
    preparation: preparationOf(options.scope, sidePx),
    tensor: { type: 'uint8', layout: 'NHWC', width: sidePx, height: sidePx },
    graphs: graphs.map(({ file, bytes, inputs, outputs }) => ({
      file,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      inputs,
      outputs,
    })),
    output: { value: 'probability', decode: 'probability' },
    aggregate: 'max',
    runtime: { batch_buckets: [1, 2, 4, 8] },
    golden: (['hash', 'gradient', 'blocks'] as const).map((input) => {
      const pixels = makeGoldenPixels(input, sidePx, sidePx);
      const meanByte = pixels.reduce((total, byte) => total + byte, 0) / pixels.length;
      return { input, probability: tinyProbability(meanByte), tolerance: 1e-4 };
    }),
  });
  await mkdir(folder, { recursive: true });
  for (const { file, bytes } of graphs) await writeFile(join(folder, file), bytes);
  await writeFile(join(folder, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  return manifest;
}

function preparationOf(scope: Manifest['scope'], sidePx: number): PreparationStep[] {
  if (scope === 'whole-image') return [{ op: 'centre-crop', size: sidePx, enlarge: 'pil-bilinear-u8' }];
  return [
    {
      op: 'crop-face',
      face_detector: 'blazeface-back-256',
      threshold: 0.6,
      scale: 1.06,
      shift_up: 0.046,
      min_side_px: 64,
      max_faces: 16,
    },
    { op: 'resize', algorithm: 'pil-bilinear-u8', width: sidePx, height: sidePx },
  ];
}

type GraphFile = {
  file: string;
  bytes: Uint8Array;
  inputs: Record<string, string>;
  outputs: Record<string, string>;
};

type Batch = number | 'N';
const image = (sidePx: number, batch: Batch = 'N'): OnnxValue => ({
  name: 'image',
  type: 'uint8',
  shape: [batch, sidePx, sidePx, 3],
});
const perImage = (name: string, batch: Batch = 'N'): OnnxValue => ({ name, type: 'float32', shape: [batch] });
const meanOfImage: OnnxGraph['nodes'] = [
  { op: 'Cast', inputs: ['image'], outputs: ['bytes'], attributes: { to: { int: 1 } } },
  {
    op: 'ReduceMean',
    inputs: ['bytes'],
    outputs: ['mean'],
    attributes: { axes: { ints: [1, 2, 3] }, keepdims: { int: 0 } },
  },
];
/** sigmoid((value - 127.5) / BRIGHTNESS_UNIT), as a multiplication and an addition. */
const scoreOf = (value: string): Pick<OnnxGraph, 'nodes' | 'constants'> => ({
  nodes: [
    { op: 'Mul', inputs: [value, 'gain'], outputs: ['scaled'] },
    { op: 'Add', inputs: ['scaled', 'offset'], outputs: ['logit'] },
    { op: 'Sigmoid', inputs: ['logit'], outputs: ['probability'] },
  ],
  constants: [
    floatConstant('gain', [], [1 / BRIGHTNESS_UNIT]),
    floatConstant('offset', [], [-127.5 / BRIGHTNESS_UNIT]),
  ],
});

function singleGraph(sidePx: number, batch: Batch): GraphFile {
  const score = scoreOf('mean');
  const graph: OnnxGraph = {
    name: 'tiny',
    nodes: [...meanOfImage, ...score.nodes],
    constants: score.constants,
    inputs: [image(sidePx, batch)],
    outputs: [perImage('probability', batch)],
  };
  return {
    file: 'model.onnx',
    bytes: encodeOnnxModel(graph),
    inputs: { image: 'image' },
    outputs: { probability: 'probability' },
  };
}

/** The second graph averages two equal means, so that the chain answers as the single graph does. */
function chainedGraphs(sidePx: number): GraphFile[] {
  const first: OnnxGraph = {
    name: 'level',
    nodes: meanOfImage,
    constants: [],
    inputs: [image(sidePx)],
    outputs: [perImage('mean')],
  };
  const score = scoreOf('both');
  const second: OnnxGraph = {
    name: 'score',
    nodes: [...meanOfImage, { op: 'Mean', inputs: ['mean', 'level'], outputs: ['both'] }, ...score.nodes],
    constants: score.constants,
    inputs: [image(sidePx), perImage('level')],
    outputs: [perImage('probability')],
  };
  return [
    { file: 'level.onnx', bytes: encodeOnnxModel(first), inputs: { image: 'image' }, outputs: { mean: 'brightness' } },
    {
      file: 'score.onnx',
      bytes: encodeOnnxModel(second),
      inputs: { image: 'image', level: 'brightness' },
      outputs: { probability: 'probability' },
    },
  ];
}
