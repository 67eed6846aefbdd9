import { describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { makeGoldenPixels, type GoldenInputName } from '@touchstone/models/golden-inputs';
import type { Box } from '@touchstone/shared/contracts/partial';
import { faceSquare } from '../../services/gpu-worker/src/core/face-crop.ts';

/** What the Python half of the training repeats and is tested with. */
type ServingNumbers = {
  golden: { input: GoldenInputName; side: number; sha256: string }[];
  resize: { input: GoldenInputName; side: number; width: number; height: number; sha256: string }[];
  squares: { box: Box; scale: number; shift_up: number; square: [left: number, top: number, side: number] }[];
};

const file = join(import.meta.dirname, 'touchstone_training/fixtures/serving-numbers.json');
const { golden, resize, squares } = JSON.parse(readFileSync(file, 'utf8')) as ServingNumbers;
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe('the numbers that the training is held to are those of the service', () => {
  it.each(golden)('golden input $input', ({ input, side, sha256: expected }) => {
    expect(sha256(makeGoldenPixels(input, side, side))).toBe(expected);
  });

  it.each(resize)('what the face detector sees of $side px as $width x $height', async (example) => {
    const { input, side, width, height } = example;
    const raw = { width: side, height: side, channels: 3 } as const;
    const seen = sharp(makeGoldenPixels(input, side, side), { raw }).resize(width, height, {
      fit: 'fill',
      kernel: 'linear',
    });
    expect(sha256(await seen.raw().toBuffer())).toBe(example.sha256);
  });

  it.each(squares)('the square around $box', ({ box, scale, shift_up, square }) => {
    const { left, top, side } = faceSquare({ box, score: 1 }, { scale, shift_up });
    expect([left, top, side]).toEqual(square);
  });
});
