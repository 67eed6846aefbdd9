import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeGoldenTensor } from '@touchstone/models/golden-inputs';
import { loadBundle } from '@touchstone/models/load-bundle';
import { Manifest } from '@touchstone/models/manifest';
import { encodeOnnxModel, type OnnxNode, type OnnxTensor } from '@touchstone/models/onnx-writer';
import { openBundleRunner } from '../../services/gpu-worker/src/inference/bundle-runner.ts';
import { createSeededRandom } from '@touchstone/fusion/seeded-random';

const SIDE_PX = 380;
const CHANNELS = 64;
const PROBE_DEPTHS = [2, 10] as const;
const PROBE_RUNS = 6;
const MAX_DEPTH = 200;
const TOLERANCE = 0.05;

/**
 * Writes a whole-image bundle of plain 3x3 convolutions with seeded random weights, and as many of them as take
 * `targetMs` per image on this machine with `intraOpThreads`; `depth` instead of that, where no time can be taken. It
 * detects nothing.
 */
export async function writeConvBundle(
  folder: string,
  size: { targetMs: number; intraOpThreads: number } | { depth: number },
): Promise<void> {
  const depth = 'depth' in size ? size.depth : await depthFor(folder, size);
  await writeBundle(folder, depth, 1);
}

async function depthFor(folder: string, size: { targetMs: number; intraOpThreads: number }): Promise<number> {
  const [fewMs, manyMs] = [
    await timeOf(folder, PROBE_DEPTHS[0], size.intraOpThreads),
    await timeOf(folder, PROBE_DEPTHS[1], size.intraOpThreads),
  ];
  const layerMs = Math.max(0.01, (manyMs - fewMs) / (PROBE_DEPTHS[1] - PROBE_DEPTHS[0]));
  return Math.min(MAX_DEPTH, Math.max(1, PROBE_DEPTHS[0] + Math.round((size.targetMs - fewMs) / layerMs)));
}

/** CPU time of one run, spread over its threads: on a busy machine steadier than the clock. The least of a few counts. */
async function timeOf(folder: string, depth: number, threads: number): Promise<number> {
  const manifest = await writeBundle(folder, depth, threads);
  const runner = await openRunner(folder, threads);
  let bestMs = Infinity;
  for (let i = 0; i < PROBE_RUNS; i++) {
    const before = process.cpuUsage();
    await runner.run(makeGoldenTensor('hash', manifest.tensor), 1);
    const { user, system } = process.cpuUsage(before);
    bestMs = Math.min(bestMs, (user + system) / 1_000 / threads);
  }
  await runner.release();
  return bestMs;
}

async function writeBundle(folder: string, depth: number, threads: number): Promise<Manifest> {
  const graph = encodeConvGraph(depth);
  const write = async (probability: number): Promise<Manifest> => {
    const manifest = describeBundle(graph, depth, probability);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'model.onnx'), graph);
    await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest));
    return manifest;
  };
  const draft = await write(0);
  const runner = await openRunner(folder, threads);
  const [probability] = await runner.run(makeGoldenTensor('hash', draft.tensor), 1);
  await runner.release();
  return await write(probability!);
}

async function openRunner(folder: string, intraOpThreads: number) {
  const loaded = await loadBundle(folder);
  if (!loaded.ok) throw new Error(loaded.problem.detail);
  const { manifest, graphPaths } = loaded.bundle;
  return await openBundleRunner(
    { id: 'bench', manifest, graphPaths },
    { provider: 'cpu', deviceId: 0, intraOpThreads },
  );
}

function describeBundle(graph: Uint8Array, depth: number, probability: number): Manifest {
  return Manifest.parse({
    format: 1,
    id: 'bench-conv',
    version: '1.0.0',
    description: `${depth} convolutions with random weights. For the bench: it detects nothing.`,
    scope: 'whole-image',
    licence: { id: 'LicenseRef-touchstone-bench', commercial_use: 'yes', attribution: 'Made by the Touchstone bench.' },
    source: 'written by conv-bundle.ts',
    decode: { orientation: 'apply' },
    preparation: [{ op: 'centre-crop', size: SIDE_PX, enlarge: 'pil-bilinear-u8' }],
    tensor: { type: 'uint8', layout: 'NHWC', width: SIDE_PX, height: SIDE_PX },
    graphs: [
      {
        file: 'model.onnx',
        sha256: createHash('sha256').update(graph).digest('hex'),
        inputs: { image: 'image' },
        outputs: { probability: 'probability' },
      },
    ],
    output: { value: 'probability', decode: 'probability' },
    aggregate: 'max',
    runtime: { batch_buckets: [1, 2, 4, 8] },
    golden: [{ input: 'hash', probability, tolerance: TOLERANCE }],
  });
}

function encodeConvGraph(depth: number): Uint8Array {
  const random = createSeededRandom(7);
  /** Variance 2 / fan-in keeps values of one size through any number of layers, so none becomes a slow denormal. */
  const weights = (name: string, dims: number[]): OnnxTensor => {
    const fanIn = dims.slice(1).reduce((product, dim) => product * dim, 1);
    const reach = Math.sqrt(6 / fanIn);
    const values = Float32Array.from({ length: dims[0]! * fanIn }, () => (2 * random() - 1) * reach);
    return { name, type: 'float32', dims, bytes: new Uint8Array(values.buffer) };
  };
  const scalar = (name: string, value: number): OnnxTensor => ({
    name,
    type: 'float32',
    dims: [],
    bytes: new Uint8Array(Float32Array.of(value).buffer),
  });
  const ints = (...values: number[]) => ({ ints: values });
  const layers = Array.from({ length: depth }, (_, i): OnnxNode[] => [
    {
      op: 'Conv',
      inputs: [`a${i}`, `w${i}`],
      outputs: [`c${i}`],
      attributes: { kernel_shape: ints(3, 3), pads: ints(1, 1, 1, 1), strides: ints(1, 1) },
    },
    { op: 'Relu', inputs: [`c${i}`], outputs: [`a${i + 1}`] },
  ]);
  return encodeOnnxModel({
    name: 'bench-conv',
    nodes: [
      { op: 'Cast', inputs: ['image'], outputs: ['bytes'], attributes: { to: { int: 1 } } },
      { op: 'Transpose', inputs: ['bytes'], outputs: ['planes'], attributes: { perm: ints(0, 3, 1, 2) } },
      { op: 'Mul', inputs: ['planes', 'unit'], outputs: ['x'] },
      {
        op: 'Conv',
        inputs: ['x', 'stem'],
        outputs: ['s'],
        attributes: { kernel_shape: ints(7, 7), pads: ints(3, 3, 3, 3), strides: ints(4, 4) },
      },
      { op: 'Relu', inputs: ['s'], outputs: ['a0'] },
      ...layers.flat(),
      {
        op: 'ReduceMean',
        inputs: [`a${depth}`],
        outputs: ['mean'],
        attributes: { axes: ints(1, 2, 3), keepdims: { int: 0 } },
      },
      { op: 'Sigmoid', inputs: ['mean'], outputs: ['probability'] },
    ],
    constants: [
      scalar('unit', 1 / 127.5),
      weights('stem', [CHANNELS, 3, 7, 7]),
      ...layers.map((_, i) => weights(`w${i}`, [CHANNELS, CHANNELS, 3, 3])),
    ],
    inputs: [{ name: 'image', type: 'uint8', shape: ['N', SIDE_PX, SIDE_PX, 3] }],
    outputs: [{ name: 'probability', type: 'float32', shape: ['N'] }],
  });
}
