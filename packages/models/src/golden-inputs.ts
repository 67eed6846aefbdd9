import type { GoldenVector, TensorSpec } from './manifest.ts';

export type GoldenInputName = GoldenVector['input'];

/** Value 0..255 of one byte; `i` is its flat index in rows of RGB pixels, at column x, row y, channel c. */
const formulas: Record<GoldenInputName, (i: number, x: number, y: number, c: number) => number> = {
  hash: (i) => Math.imul(i, 2_654_435_761) >>> 24,
  gradient: (_i, x, y, c) => (x + 2 * y + 40 * c) & 255,
  blocks: (_i, x, y, c) => (((x >> 4) + (y >> 4)) % 2) * 120 + 60 + 15 * c,
  mixed: (i, x, y) => (((x + y) >> 1) + (Math.imul(i, 2_654_435_761) >>> 28)) & 255,
};

/** A picture that everyone can make anew: the input of a golden vector, as rows of RGB pixels. */
export function makeGoldenPixels(name: GoldenInputName, width: number, height: number): Uint8Array {
  const pixels = new Uint8Array(width * height * 3);
  const formula = formulas[name];
  for (let i = 0; i < pixels.length; i++) {
    pixels[i] = formula(i, Math.floor(i / 3) % width, Math.floor(i / (3 * width)), i % 3);
  }
  return pixels;
}

/** The same picture in the form that a bundle takes, for a batch of one. */
export function makeGoldenTensor(name: GoldenInputName, spec: TensorSpec): Uint8Array | Float32Array {
  const pixels = makeGoldenPixels(name, spec.width, spec.height);
  if (spec.type === 'uint8') return pixels;
  const plane = spec.width * spec.height;
  const values = new Float32Array(pixels.length);
  for (let i = 0; i < pixels.length; i++) values[(i % 3) * plane + Math.floor(i / 3)] = pixels[i]! / 127.5 - 1;
  return values;
}
