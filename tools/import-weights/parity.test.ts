import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { addDiffusionUnet } from '@touchstone/models/import/diffusion-unet';
import { addEfficientNetB4 } from '@touchstone/models/import/efficientnet-b4';
import { createGraphBuilder } from '@touchstone/models/import/graph-builder';
import type { Layers } from '@touchstone/models/import/graph-layers';
import { createSeededWeights, seededTensor } from '@touchstone/models/import/parity-weights';
import { addResnetStudent } from '@touchstone/models/import/resnet-student';
import { writeOnnxFile } from '@touchstone/models/import/write-onnx-file';

/** Graphs of seeded weights, against what PyTorch gave in float64 for the same ones: detectors.md 6.5. */
describe('graphs of the published networks give what PyTorch gives', () => {
  let folder: string;
  beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'parity-'))));
  afterEach(() => rm(folder, { recursive: true }));

  type Input = { shape: number[]; low: number; high: number };
  const run = async (options: {
    gain: number;
    inputs: Record<string, Input>;
    build: (layers: Layers, names: string[]) => string;
    externalAboveBytes?: number;
  }) => {
    const g = createGraphBuilder('parity');
    const { weights } = createSeededWeights(options.gain);
    const names = Object.keys(options.inputs);
    for (const [name, { shape }] of Object.entries(options.inputs)) {
      g.input({ name, type: 'float32', shape: ['N', ...shape.slice(1)] });
    }
    const output = options.build({ g, weights }, names);
    g.output({ name: output, type: 'float32', shape: ['N'] });
    const { externalAboveBytes } = options;
    const [model] = await writeOnnxFile(g.graph(), {
      folder,
      file: 'model.onnx',
      ...(externalAboveBytes !== undefined && { externalAboveBytes }),
    });
    const session = await InferenceSession.create(join(folder, model.file), { logSeverityLevel: 4 });
    const feeds = Object.fromEntries(
      Object.entries(options.inputs).map(([name, { shape, low, high }]) => {
        const count = shape.reduce((product, size) => product * size, 1);
        return [name, new Tensor('float32', seededTensor(name, count, low, high), shape)];
      }),
    );
    const results = await session.run(feeds);
    await session.release();
    return results[output]!.data as Float32Array;
  };
  const largestDifference = (found: Iterable<number>, wanted: number[]) => {
    const values = [...found];
    if (values.length !== wanted.length) throw new Error(`${values.length} values instead of ${wanted.length}`);
    return Math.max(...values.map((value, i) => Math.abs(value - wanted[i]!)));
  };

  it.each([
    ['in the model file', undefined],
    ['beside the model file', 1],
  ])('EfficientNet-B4, with its weights %s', async (_where, externalAboveBytes) => {
    const logits = await run({
      gain: 1.38,
      inputs: { input: { shape: [2, 3, 380, 380], low: 0, high: 1 } },
      build: (layers, [x]) => addEfficientNetB4(layers, x!),
      ...(externalAboveBytes !== undefined && { externalAboveBytes }),
    });
    expect(largestDifference(logits, [0.52357807, -0.06080965, 0.26991544, -0.17604178])).toBeLessThan(1e-5);
  });

  it('the student of DistilDIRE', async () => {
    const logits = await run({
      gain: 1,
      inputs: {
        img: { shape: [2, 3, 256, 256], low: -1, high: 1 },
        eps: { shape: [2, 3, 256, 256], low: -2, high: 2 },
      },
      build: (layers, names) => addResnetStudent(layers, layers.g.op('Concat', names, { axis: { int: 1 } }), 6),
    });
    expect(largestDifference(logits, [0.91447398, 0.89005368])).toBeLessThan(1e-5);
  });

  it('the diffusion model at timestep 0, with a base width of 32', async () => {
    const noise = await run({
      gain: 1.4,
      inputs: { img: { shape: [1, 3, 256, 256], low: -1, high: 1 } },
      build: (layers, [x]) => addDiffusionUnet(layers, x!, 32),
    });
    const samples = [0, 65_535, 100_000, 196_607].map((i) => noise[i]!);
    expect(largestDifference(samples, [0.541242, -0.352157, -1.678172, -0.735653])).toBeLessThan(5e-5);
    const mean = (values: Float32Array) => values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(largestDifference([mean(noise), mean(noise.map(Math.abs))], [-0.118629, 0.774261])).toBeLessThan(1e-5);
  });
});
