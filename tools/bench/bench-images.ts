import sharp from 'sharp';
import { createSeededRandom } from '@touchstone/fusion/seeded-random';

const SIZES = { '512': [512, 512], '1mp': [1_152, 864], '12mp': [4_000, 3_000] } as const;
export type ImageSize = keyof typeof SIZES;

/** Cells across the width, and how far they sway from the middle grey: coarse shapes first, then texture. */
const LAYERS = [
  { cells: 6, gain: 60 },
  { cells: 40, gain: 35 },
  { cells: 200, gain: 20 },
] as const;
const GRAIN = 6;

/**
 * A picture that everyone can make anew: seeded noise of several scales over a gradient, as a baseline JPEG of quality
 * 90 with 4:2:0 chroma. Smoother than a photo, so that its decoding costs up to a third less.
 */
export async function makeBenchImage(size: ImageSize, seed = 1): Promise<Buffer> {
  const [width, height] = SIZES[size];
  const random = createSeededRandom(seed);
  const sum = new Float32Array(width * height * 3);
  for (let i = 0; i < sum.length; i++) sum[i] = 96 + (64 * (i % (3 * width))) / (3 * width);
  for (const { cells, gain } of LAYERS) {
    const rows = Math.max(2, Math.round((cells * height) / width));
    const noise = Uint8Array.from({ length: cells * rows * 3 }, () => random() * 256);
    const layer = await sharp(noise, { raw: { width: cells, height: rows, channels: 3 } })
      .resize(width, height, { fit: 'fill', kernel: 'cubic' })
      .raw()
      .toBuffer();
    for (let i = 0; i < sum.length; i++) sum[i]! += ((layer[i]! - 128) / 128) * gain;
  }
  const pixels = new Uint8ClampedArray(sum.length);
  for (let i = 0; i < sum.length; i += 3) {
    const grain = (random() - 0.5) * 2 * GRAIN;
    for (let c = 0; c < 3; c++) pixels[i + c] = sum[i + c]! + grain;
  }
  return await sharp(pixels, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 90, chromaSubsampling: '4:2:0' })
    .toBuffer();
}
