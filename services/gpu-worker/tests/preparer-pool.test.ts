import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { createLogger } from '@touchstone/shared/observe/logger';
import { UndecodableImageError } from '@touchstone/imaging/undecodable-image-error';
import type { ImagePreparer } from '../src/core/prepared-image.ts';
import { openPreparerPool } from '../src/preparer/preparer-pool.ts';
import { centrePlan, facePlan } from './preparer-plans.ts';

const SIDE = 64;
const BOMB_GROWTH_BYTES = 250e6;
const BOMB_TIME_MS = 3_000;
let pool: ImagePreparer;

beforeAll(async () => {
  pool = await openPreparerPool({
    plans: [facePlan, centrePlan(SIDE, 'ignore')],
    size: 1,
    timeoutMs: 10_000,
    maxGrowthBytes: BOMB_GROWTH_BYTES,
    recycleAfter: 1_000,
    logger: createLogger('test', 'silent'),
  });
});
afterAll(() => pool.close());

/** Every pixel of a square image of 64 px as the whole-image detector gets it. */
async function prepareWhole(file: Buffer, type: 'image/png' | 'image/jpeg' | 'image/webp') {
  const { inputs, ...image } = await pool.prepare(file, type);
  const whole = inputs.find(({ slot }) => slot === 'distildire')!;
  return { ...image, data: whole.data, caveats: whole.caveats };
}

const raw = { raw: { width: SIDE, height: SIDE, channels: 3 } } as const;
const colours = Uint8Array.from({ length: SIDE * SIDE * 3 }, (_, i) => Math.floor(i / (SIDE * 3)) * 3 + (i % 3) * 30);
const greys = colours.map((_, i) => Math.floor(i / 3) & 255);

function pngChunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(data.length, 0);
  frame.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
}

/** A black PNG of 8 bits of grey, made without an encoder: one takes half a minute for the longest. */
function greyPng(width: number, height: number): Buffer {
  const header = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0]);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  const signature = Buffer.from('89504e470d0a1a0a', 'hex');
  // A row has one byte more, its filter.
  const pixels = pngChunk('IDAT', deflateSync(Buffer.alloc(height * (width + 1))));
  return Buffer.concat([signature, pngChunk('IHDR', header), pixels, pngChunk('IEND', Buffer.alloc(0))]);
}

function mostDifferent(a: Uint8Array | Float32Array, b: Uint8Array): number {
  return b.reduce((worst, byte, i) => Math.max(worst, Math.abs(byte - a[i]!)), 0);
}

describe('decoding', () => {
  it('gives the bytes of a PNG with and without alpha, whatever the alpha', async () => {
    const plain = await sharp(colours, raw).png().toBuffer();
    expect((await prepareWhole(plain, 'image/png')).data).toEqual(colours);
    const rgba = Uint8Array.from({ length: SIDE * SIDE * 4 }, (_, i) =>
      i % 4 === 3 ? i & 255 : colours[Math.floor(i / 4) * 3 + (i % 4)]!,
    );
    const withAlpha = await sharp(rgba, { raw: { ...raw.raw, channels: 4 } })
      .png()
      .toBuffer();
    expect((await prepareWhole(withAlpha, 'image/png')).data).toEqual(colours);
  });

  it('gives the bytes of a palette PNG', async () => {
    const few = colours.map((_, i) => [20, 120, 220][(Math.floor(i / 3) + (i % 3)) % 3]!);
    const file = await sharp(few, raw).png({ palette: true, colours: 8, dither: 0 }).toBuffer();
    expect((await sharp(file).metadata()).isPalette).toBe(true);
    expect((await prepareWhole(file, 'image/png')).data).toEqual(few);
  });

  it('gives the upper bytes of a 16-bit PNG', async () => {
    const wide = Uint16Array.from(colours, (byte) => byte * 257);
    const file = await sharp(wide, raw).toColourspace('rgb16').png().toBuffer();
    expect((await sharp(file).metadata()).depth).toBe('ushort');
    expect((await prepareWhole(file, 'image/png')).data).toEqual(colours);
  });

  it('gives three channels of a grey PNG and JPEG', async () => {
    const grey = sharp(greys, raw).toColourspace('b-w');
    expect((await prepareWhole(await grey.png().toBuffer(), 'image/png')).data).toEqual(greys);
    const jpeg = await grey.jpeg({ quality: 100 }).toBuffer();
    expect((await sharp(jpeg).metadata()).channels).toBe(1);
    expect(mostDifferent((await prepareWhole(jpeg, 'image/jpeg')).data, greys)).toBeLessThan(4);
  });

  it('decodes lossless WebP and a progressive JPEG', async () => {
    const webp = await sharp(colours, raw).webp({ lossless: true }).toBuffer();
    expect((await prepareWhole(webp, 'image/webp')).data).toEqual(colours);
    const jpeg = await sharp(colours, raw)
      .jpeg({ progressive: true, quality: 100, chromaSubsampling: '4:4:4' })
      .toBuffer();
    expect((await sharp(jpeg).metadata()).isProgressive).toBe(true);
    expect(mostDifferent((await prepareWhole(jpeg, 'image/jpeg')).data, colours)).toBeLessThan(6);
  });

  it('decodes CMYK with a caveat', async () => {
    const file = await sharp(colours, raw).toColourspace('cmyk').jpeg().toBuffer();
    expect((await sharp(file).metadata()).space).toBe('cmyk');
    expect(await prepareWhole(file, 'image/jpeg')).toMatchObject({ width: SIDE, caveats: ['reduced_parity'] });
  });

  it('applies no embedded colour profile', async () => {
    const file = await sharp(colours, raw).png().withIccProfile('p3').toBuffer();
    const bare = await sharp(file, { ignoreIcc: true }).raw().toBuffer();
    const jpeg = await sharp(bare, raw)
      .jpeg({ quality: 100, chromaSubsampling: '4:4:4' })
      .withIccProfile('p3')
      .toBuffer();
    expect((await sharp(jpeg).metadata()).hasProfile).toBe(true);
    const stored = await sharp(jpeg, { ignoreIcc: true }).raw().toBuffer();
    expect(mostDifferent((await prepareWhole(jpeg, 'image/jpeg')).data, stored)).toBe(0);
  });

  it('turns an image with EXIF orientation upright for who wants that, and for its size', async () => {
    const wide = { raw: { width: 96, height: 64, channels: 3 } } as const;
    const pixels = Uint8Array.from({ length: 96 * 64 * 3 }, (_, i) => (Math.floor(i / 3) % 96) * 2);
    const file = await sharp(pixels, wide).withMetadata({ orientation: 6 }).jpeg({ quality: 100 }).toBuffer();
    const image = await prepareWhole(file, 'image/jpeg');
    expect(image).toMatchObject({ width: 64, height: 96 });
    const row = Array.from({ length: SIDE }, (_, x) => image.data[x * 3]!);
    // As stored: brightness still grows along the rows.
    expect(row[60]! - row[3]!).toBeGreaterThan(100);
  });

  it('halves a JPEG of more than 26 MP and refuses a PNG of that size', async () => {
    const large = sharp({ create: { width: 6_000, height: 4_400, channels: 3, background: '#336699' } });
    const image = await prepareWhole(await large.jpeg().toBuffer(), 'image/jpeg');
    expect(image).toMatchObject({ width: 6_000, height: 4_400, caveats: ['half_scale'] });
    await expect(pool.prepare(await large.png().toBuffer(), 'image/png')).rejects.toThrow(UndecodableImageError);
  });

  it('says when an image had to be enlarged', async () => {
    const small = await sharp(colours, raw).resize(40, 20).png().toBuffer();
    expect((await prepareWhole(small, 'image/png')).caveats).toEqual(['upscaled']);
  });

  it.each(['jpeg', 'png', 'webp'] as const)('refuses a %s cut short', async (format) => {
    const noise = Uint8Array.from({ length: 300 * 300 * 3 }, (_, i) => Math.imul(i, 2_654_435_761) >>> 24);
    const file = await sharp(noise, { raw: { width: 300, height: 300, channels: 3 } })
      [format]()
      .toBuffer();
    const cut = file.subarray(0, file.length >> 1);
    await expect(pool.prepare(cut, `image/${format}`)).rejects.toThrow(UndecodableImageError);
  });

  it('refuses a JPEG that lost its second half and kept its end marker', async () => {
    const noise = Uint8Array.from({ length: 300 * 300 * 3 }, (_, i) => Math.imul(i, 2_654_435_761) >>> 24);
    const jpeg = await sharp(noise, { raw: { width: 300, height: 300, channels: 3 } })
      .jpeg()
      .toBuffer();
    expect(await prepareWhole(jpeg, 'image/jpeg')).toMatchObject({ width: 300 });
    const halved = Buffer.concat([jpeg.subarray(0, jpeg.length >> 1), Buffer.from([0xff, 0xd9])]);
    await expect(pool.prepare(halved, 'image/jpeg')).rejects.toThrow(UndecodableImageError);
  });

  it.each([
    [1, 26_214_400],
    [8, 3_276_800],
    [65_536, 1],
  ])('refuses a PNG of %i x %i at once', async (width, height) => {
    const file = greyPng(width, height);
    await expect(pool.prepare(file, 'image/png')).rejects.toThrow('a side of the image is too long');
  });

  it('refuses formats that the door does not take, whatever they are called', async () => {
    const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"/>');
    const gif = await sharp(colours, raw).gif().toBuffer();
    const tiff = await sharp(colours, raw).tiff().toBuffer();
    const png = await sharp(colours, raw).png().toBuffer();
    for (const file of [svg, gif, tiff, png, Buffer.alloc(0)]) {
      await expect(pool.prepare(file, 'image/jpeg')).rejects.toThrow(UndecodableImageError);
    }
  });

  it('prepares the longest PNG in seconds', async () => {
    const file = await sharp({ create: { width: 65_535, height: 400, channels: 3, background: '#336699' } })
      .png()
      .toBuffer();
    const { width, height, elapsedMs } = await prepareWhole(file, 'image/png');
    expect([width, height]).toEqual([65_535, 400]);
    // 3 s on a quiet machine (contract.md section 3); beside other test files it was measured up to three times slower.
    expect(elapsedMs).toBeLessThan(3 * BOMB_TIME_MS);
  });

  it('prepares a PNG with 790 MB of packed text within 250 MB and 3 s', async () => {
    const packed = deflateSync(Buffer.alloc(7_900_000, 'A'), { level: 9 });
    const texts = Array.from({ length: 100 }, (_, i) =>
      pngChunk('zTXt', Buffer.concat([Buffer.from(`C${i}\0\0`, 'latin1'), packed])),
    );
    const plain = await sharp(colours, raw).png().toBuffer();
    const headerEnd = 8 + 25;
    const file = Buffer.concat([plain.subarray(0, headerEnd), ...texts, plain.subarray(headerEnd)]);
    const startedAt = performance.now();
    // The pool of this test kills a child that grows by 250 MB.
    expect((await prepareWhole(file, 'image/png')).data).toEqual(colours);
    expect(performance.now() - startedAt).toBeLessThan(BOMB_TIME_MS);
  });
});

it('a child leaves nothing in the home of its user', async () => {
  const home = await mkdtemp(join(tmpdir(), 'preparer-home-'));
  const before = process.env['HOME'];
  process.env['HOME'] = home;
  try {
    const own = await openPreparerPool({
      plans: [facePlan],
      size: 1,
      timeoutMs: 10_000,
      maxGrowthBytes: BOMB_GROWTH_BYTES,
      recycleAfter: 1_000,
      logger: createLogger('test', 'silent'),
    });
    await own.close();
    expect(await readdir(home)).toEqual([]);
  } finally {
    process.env['HOME'] = before;
    await rm(home, { recursive: true });
  }
});
