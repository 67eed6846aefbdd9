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
  let i = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < 3; c++, i++) pixels[i] = formula(i, x, y, c);
    }
  }
  return pixels;
}

/** The same picture in the form that a bundle takes, for a batch of one. */
export function makeGoldenTensor(name: GoldenInputName, spec: TensorSpec): Uint8Array | Float32Array {
  const pixels = makeGoldenPixels(name, spec.width, spec.height);
  if (spec.type === 'uint8') return pixels;
  const plane = spec.width * spec.height;
  const values = new Float32Array(pixels.length);
  for (let i = 0, at = 0; at < plane; at++) {
    for (let c = 0; c < 3; c++, i++) values[c * plane + at] = pixels[i]! / 127.5 - 1;
  }
  return values;
}
