import { describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import type { ResizeAlgorithm } from '@touchstone/models/manifest';
import type { Pixels } from '@touchstone/imaging/pixels';
import { resizePixels } from './resize-pixels.ts';

const ALGORITHMS: ResizeAlgorithm[] = ['pil-bilinear-u8', 'pil-bicubic-u8', 'cv2-linear-u8', 'torch-aa-bilinear-f32'];
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** Bytes that look random: the top byte of i x 2654435761 + seed, modulo 2^32. */
function seededPixels(seed: number, width: number, height: number): Pixels {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => (Math.imul(i, 2_654_435_761) + seed) >>> 24);
  return { data, width, height };
}

const row = (...greys: number[]): Pixels => ({
  data: Uint8Array.from(greys.flatMap((grey) => [grey, grey, grey])),
  width: greys.length,
  height: 1,
});
const firstChannel = ({ data }: { data: Uint8Array | Float32Array }) => Array.from(data).filter((_, i) => i % 3 === 0);

const toUnit = (byte: number) => byte / 127.5 - 1;

describe('resizing exactly', () => {
  // Made by Pillow 13.0.0, `Image.fromarray(seeded).resize((w, h), filter)`.
  it.each([
    [1, 37, 23, 64, 64, 'pil-bilinear-u8', '5b5fd477c99ad2ebd10cf04d30ffaf268a346a72cab97283d1a409f0d33fcb0e'],
    [1, 37, 23, 64, 64, 'pil-bicubic-u8', '348590a0e00012b833acbd8b5c6c6fca79f73d3060650f8c5d2b2c3ad66e8294'],
    [2, 200, 150, 32, 24, 'pil-bilinear-u8', 'ef466f0977efaa3c2f631e113b8fb5e66824e619589f2fbdfa08b1554032b914'],
    [2, 200, 150, 32, 24, 'pil-bicubic-u8', '3a7c3fd910556d7a8e61111111e0c22089a1abb1762caf2bdfc6e051fca0d32a'],
    [3, 5, 5, 160, 160, 'pil-bilinear-u8', 'e196d87354936d0e12fd4a95ee4f34622bbc80d5dd7f149754be9910c00a37f1'],
    [3, 5, 5, 160, 160, 'pil-bicubic-u8', 'aee720ff8cd2e4dc248dd09d72f7ac8b40a2fc3044f6d546c3709cdbe85c1d14'],
    [4, 1, 1, 7, 3, 'pil-bilinear-u8', '9a898f546f998fdc69376c2620e82893b35cfd39bb072d67acd7baefee732038'],
    [4, 1, 1, 7, 3, 'pil-bicubic-u8', '9a898f546f998fdc69376c2620e82893b35cfd39bb072d67acd7baefee732038'],
    [5, 400, 3, 16, 16, 'pil-bilinear-u8', '573fe13c49686bf5d626fed733c5db18bb762c1109934d594f6afef8ec5e7905'],
    [5, 400, 3, 16, 16, 'pil-bicubic-u8', 'efde1a89c02c0a3cb49157610b853e8c4c0ec0e21de47b8487d50e725db21c26'],
    [6, 97, 131, 97, 50, 'pil-bilinear-u8', '489cbf4ebaddcebd3cad3812d020863d758c910e77f0782a30578c3fc21e860e'],
    [6, 97, 131, 97, 50, 'pil-bicubic-u8', '27f89d0e5e414a922d63a3aad175b86d16220f9ff509265f17b6a1337f426fcb'],
    [7, 64, 64, 31, 64, 'pil-bilinear-u8', '6dc3023f9ed3ddeba17b9829fab2af3cca2fed986856606f033c9dbe93bf7f7f'],
    [7, 64, 64, 31, 64, 'pil-bicubic-u8', 'c478dffe236c75885b852244a26447b5a73e9428fce3e75b144e33c42b104deb'],
    [8, 300, 211, 160, 160, 'pil-bilinear-u8', 'f4b060935ea66119f2c6b2a0c4f4fd1f5515e04ff1f47f83c502da11dff9dc74'],
    [8, 300, 211, 160, 160, 'pil-bicubic-u8', '46466059b12288036f923ed21c11f62b4f5748b6eb4d945485ab3d5499d6f69c'],
  ] as const)('equals Pillow on seed %i: %ix%i to %ix%i by %s', (seed, w, h, width, height, algorithm, hash) => {
    const result = resizePixels(seededPixels(seed, w, h), { width, height }, algorithm);
    expect(sha256(result.data as Uint8Array)).toBe(hash);
  });

  it('enlarges two pixels to four as worked out by hand', () => {
    const target = { width: 4, height: 1 };
    expect(firstChannel(resizePixels(row(0, 255), target, 'cv2-linear-u8'))).toEqual([0, 64, 191, 255]);
    expect(firstChannel(resizePixels(row(0, 255), target, 'pil-bilinear-u8'))).toEqual([0, 64, 191, 255]);
    const planes = resizePixels(row(0, 255), target, 'torch-aa-bilinear-f32');
    expect(Array.from(planes.data.subarray(0, 4))).toEqual([-1, -0.5, 0.5, 1]);
  });

  it('shrinks with antialiasing by Pillow and torch, without by OpenCV', () => {
    const source = row(0, 0, 0, 255, 255, 0, 0, 0);
    const target = { width: 2, height: 1 };
    // A triangle of half-width 4 around 2: weights 5 7 7 5 3 1 of 28, of which 5 and 3 are for the white pixels.
    const expected = (255 * (5 + 3)) / 28;
    expect(firstChannel(resizePixels(source, target, 'pil-bilinear-u8'))).toEqual([73, 73]);
    const planes = resizePixels(source, target, 'torch-aa-bilinear-f32');
    expect(planes.data[0]).toBeCloseTo(toUnit(expected), 6);
    expect(firstChannel(resizePixels(source, target, 'cv2-linear-u8'))).toEqual([0, 0]);
  });

  it.each(ALGORITHMS)('keeps every value where the size does not change: %s', (algorithm) => {
    const source = seededPixels(11, 19, 13);
    const result = resizePixels(source, source, algorithm);
    const expected =
      result.data instanceof Float32Array
        ? [0, 1, 2].flatMap((c) => Array.from(source.data).filter((_, i) => i % 3 === c)).map(toUnit)
        : Array.from(source.data);
    const worst = Math.max(...expected.map((value, i) => Math.abs(value - result.data[i]!)));
    expect(worst).toBeLessThan(result.data instanceof Float32Array ? 1e-6 : 1e-9);
  });

  it.each(ALGORITHMS)('keeps one colour one colour, without swapping its channels: %s', (algorithm) => {
    const source = { data: new Uint8Array(50 * 40 * 3).map((_, i) => [10, 100, 250][i % 3]!), width: 50, height: 40 };
    const { data } = resizePixels(source, { width: 33, height: 61 }, algorithm);
    const plane = 33 * 61;
    for (let i = 0; i < plane; i++) {
      const rgb = [0, 1, 2].map((c) =>
        algorithm === 'torch-aa-bilinear-f32' ? (data[c * plane + i]! + 1) * 127.5 : data[i * 3 + c]!,
      );
      rgb.forEach((value, c) => expect(value).toBeCloseTo([10, 100, 250][c]!, 3));
    }
  });

  it.each(ALGORITHMS)('computes a window as the cut of the whole result: %s', (algorithm) => {
    const source = seededPixels(12, 61, 47);
    const whole = resizePixels(source, { width: 90, height: 20 }, algorithm);
    const window = { left: 33, top: 5, width: 17, height: 11 };
    const part = resizePixels(source, { width: 90, height: 20, window }, algorithm);
    expect([part.width, part.height]).toEqual([17, 11]);
    for (let y = 0; y < 11; y++) {
      for (let x = 0; x < 17; x++) {
        for (let c = 0; c < 3; c++) {
          const isPlanar = algorithm === 'torch-aa-bilinear-f32';
          const at = isPlanar ? (c * 11 + y) * 17 + x : (y * 17 + x) * 3 + c;
          const from = isPlanar ? (c * 20 + y + 5) * 90 + x + 33 : ((y + 5) * 90 + x + 33) * 3 + c;
          expect(part.data[at]).toBe(whole.data[from]);
        }
      }
    }
  });
});

const fixtures = join(
  process.env['TOUCHSTONE_SHARED'] ?? join(import.meta.dirname, '../../../../../shared'),
  'fixtures/resize',
);
const hasFixtures = existsSync(fixtures);
if (!hasFixtures)
  process.stderr.write('skipped: resize fixtures, because TOUCHSTONE_SHARED/fixtures/resize is absent\n');

type Case = {
  file: string;
  algorithm: ResizeAlgorithm;
  crop: { top: number; left: number; height: number; width: number };
  resized?: { height: number; width: number };
  centreCrop?: { top: number; left: number };
  output: { height: number; width: number };
  tolerance: number;
};

(hasFixtures ? describe : describe.skip)('resizing against OpenCV and torchvision', () => {
  const read = (name: string) => readFileSync(join(fixtures, name));
  const meta = hasFixtures
    ? (JSON.parse(read('meta.json').toString()) as {
        source: { file: string; width: number; height: number; decoded: { sha256: string } };
        cases: Case[];
      })
    : { source: { file: '', width: 0, height: 0, decoded: { sha256: '' } }, cases: [] };

  it('agrees on every case within its tolerance', async () => {
    const { file, width, decoded } = meta.source;
    const data = await sharp(read(file), { ignoreIcc: true }).removeAlpha().raw().toBuffer();
    expect(sha256(data)).toBe(decoded.sha256);
    expect(meta.cases.length).toBeGreaterThan(0);
    for (const { file: name, algorithm, crop, resized, centreCrop, output, tolerance } of meta.cases) {
      const source = { data: new Uint8Array(crop.width * crop.height * 3), width: crop.width, height: crop.height };
      for (let y = 0; y < crop.height; y++) {
        const from = ((crop.top + y) * width + crop.left) * 3;
        source.data.set(data.subarray(from, from + crop.width * 3), y * crop.width * 3);
      }
      const target = resized && centreCrop ? { ...resized, window: { ...centreCrop, ...output } } : output;
      const result = resizePixels(source, target, algorithm);
      const bytes = new Uint8Array(read(name));
      const expected = algorithm === 'torch-aa-bilinear-f32' ? new Float32Array(bytes.buffer) : bytes;
      expect(result.data).toHaveLength(expected.length);
      let worst = 0;
      for (let i = 0; i < expected.length; i++) worst = Math.max(worst, Math.abs(result.data[i]! - expected[i]!));
      expect({ name, isWithinTolerance: worst <= tolerance, worst }).toMatchObject({ isWithinTolerance: true });
    }
  });
});
