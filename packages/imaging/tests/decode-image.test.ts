import { beforeAll, describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import type { MediaType } from '@touchstone/shared/contracts/request-record';
import { hardenDecoder, openImage } from '../src/decode-image.ts';
import { UndecodableImageError } from '../src/undecodable-image-error.ts';

const SIDE = 96;
const FORMATS = ['jpeg', 'png', 'webp'] as const;
const files = new Map<string, Buffer>();

/** Numbers from 0 to 2^32 - 1, the same in every run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0);
}

beforeAll(async () => {
  const next = seeded(7);
  const pixels = Uint8Array.from({ length: SIDE * SIDE * 3 }, () => next() >>> 24);
  for (const format of FORMATS) {
    files.set(
      format,
      await sharp(pixels, { raw: { width: SIDE, height: SIDE, channels: 3 } })
        .toFormat(format)
        .toBuffer(),
    );
  }
  hardenDecoder();
});

/** `pixels`, or `undecodable`: anything else is a fault. */
async function endOf(file: Uint8Array, mediaType: MediaType): Promise<string> {
  try {
    const { width, height } = await (await openImage(file, mediaType)).decode('apply');
    return width > 0 && height > 0 ? 'pixels' : 'no pixels';
  } catch (error) {
    return error instanceof UndecodableImageError ? 'undecodable' : String(error);
  }
}

/** reliability.md U2. */
describe('what the door sniffed is what is decoded', () => {
  it.each(FORMATS.flatMap((actual) => FORMATS.map((sniffed) => [actual, sniffed] as const)))(
    'a %s that should be a %s',
    async (actual, sniffed) => {
      expect(await endOf(files.get(actual)!, `image/${sniffed}`)).toBe(actual === sniffed ? 'pixels' : 'undecodable');
    },
  );
});

/** reliability.md U7. */
describe('20 bytes turned over', () => {
  it.each(FORMATS)('of a %s, in 100 ways, end in pixels or in a refusal', async (format) => {
    const next = seeded(20);
    const ends = new Set<string>();
    for (let i = 0; i < 100; i++) {
      const file = Buffer.from(files.get(format)!);
      for (let j = 0; j < 20; j++) {
        const at = next() % file.length;
        file[at] = file[at]! ^ 0xff;
      }
      ends.add(await endOf(file, `image/${format}`));
    }
    for (const end of ends) expect(['pixels', 'undecodable']).toContain(end);
  });
});
