import { describe, expect, it } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Part } from './licence-terms.ts';
import { createSeededWeights } from './parity-weights.ts';
import { buildPartGraph } from './part-graphs.ts';
import { createWeights } from './weights.ts';

const CHECKPOINTS = join(
  process.env['TOUCHSTONE_SHARED'] ?? join(import.meta.dirname, '../../../../../shared'),
  'fixtures/checkpoints',
);
const shapesOf = (part: Part) => {
  const { weights, shapes } = createSeededWeights(1);
  const { graph } = buildPartGraph(part, weights);
  return { shapes, graph };
};
const isCounter = (key: string) => key.endsWith('num_batches_tracked');

describe('the published networks', () => {
  it.each([
    ['sbi', 706, 17_552_202],
    ['distildire', 320, 23_519_489],
    ['adm', 566, 552_814_086],
  ] as const)('%s has the published number of tensors and parameters', (part, tensors, parameters) => {
    const { shapes } = shapesOf(part);
    expect(shapes.size).toBe(tensors);
    const learned = [...shapes].filter(([key]) => !isCounter(key) && !/running_(mean|var)$/.test(key));
    const count = learned.reduce((sum, [, shape]) => sum + shape.reduce((product, size) => product * size, 1), 0);
    expect(count).toBe(parameters);
  });

  it('the folded diffusion model keeps 498,489,603 parameters', () => {
    const floats = shapesOf('adm').graph.constants.filter(({ type }) => type === 'float32');
    const count = floats.reduce((sum, { byteLength }) => sum + byteLength / 4, 0);
    // Ones and zeros of the norms, four factors of each of ten enlargements, 16 scales of attention, two of the clamp.
    expect(count - 2 * 32 - 10 * 4 - 16 - 2).toBe(498_489_603);
  });

  it.each([
    ['sbi', 'b4.keys.json'],
    ['distildire', 'dd.keys.json'],
    ['adm', 'adm.keys.json'],
  ] as const)('%s asks for exactly the keys and shapes of the published checkpoint', (part, file) => {
    const path = join(CHECKPOINTS, file);
    if (!existsSync(path)) {
      process.stderr.write(`skipped: ${file} is not among the shared fixtures\n`);
      return;
    }
    const published = JSON.parse(readFileSync(path, 'utf8')) as Record<string, number[]>;
    expect(Object.fromEntries(shapesOf(part).shapes)).toEqual(published);
  });
});

describe('the weights of another file', () => {
  const storeOf = (shapes: Map<string, readonly number[]>) => ({
    shapeOf: (key: string) => shapes.get(key) ?? null,
    keys: () => shapes.keys(),
    read: async () => new Float32Array(),
  });
  const complaintOf = (change: (shapes: Map<string, readonly number[]>) => void) => {
    const { shapes } = shapesOf('distildire');
    change(shapes);
    const weights = createWeights(storeOf(shapes));
    buildPartGraph('distildire', weights);
    try {
      weights.assertComplete();
      return null;
    } catch (error) {
      return (error as Error).message;
    }
  };

  it('are complete when every key is there, the counters or not', () => {
    expect(complaintOf(() => undefined)).toBeNull();
    const dropCounters = (shapes: Map<string, readonly number[]>) => {
      for (const key of shapes.keys()) if (isCounter(key)) shapes.delete(key);
    };
    expect(complaintOf(dropCounters)).toBeNull();
  });

  it('are refused with what is missing, of another shape, or unknown', () => {
    const complaint = complaintOf((shapes) => {
      shapes.delete('student_head.2.bias');
      shapes.set('student_head.2.weight', [2, 2_048]);
      shapes.set('extra', [1]);
    });
    expect(complaint).toContain('student_head.2.bias is missing');
    expect(complaint).toContain('student_head.2.weight is [2, 2048], not [1, 2048]');
    expect(complaint).toContain('extra is not known');
  });

  it('of a student that reads the noise alone make a graph with one input', () => {
    const { shapes } = shapesOf('distildire');
    shapes.set('student_backbone.conv1.weight', [64, 3, 7, 7]);
    const weights = createWeights(storeOf(shapes));
    const build = buildPartGraph('distildire', weights);
    weights.assertComplete();
    expect(build.inputs).toEqual({ eps: 'eps' });
  });
});
