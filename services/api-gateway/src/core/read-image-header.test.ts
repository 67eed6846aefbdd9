import { describe, expect, it } from '@jest/globals';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { AppError } from '@touchstone/shared/contracts/failure';
import { filesOfArchive, findHostileCorpora } from '../../tests/hostile-corpora.ts';
import {
  canvas,
  jpegOf,
  jpegSegment,
  losslessFrame,
  lossyFrame,
  pngChunk,
  pngOf,
  sourceOf,
  textBombs,
  webpOf,
} from '../../tests/tiny-images.ts';
import { readImageHeader } from './read-image-header.ts';

const read = (bytes: Buffer) => readImageHeader(sourceOf(bytes));
const codeOf = async (bytes: Buffer) => {
  try {
    return (await read(bytes)).mediaType;
  } catch (error) {
    return error instanceof AppError ? error.code : String(error);
  }
};

describe('a readable image', () => {
  it.each([
    ['JPEG', jpegOf(640, 480), 'image/jpeg'],
    ['PNG', pngOf(640, 480), 'image/png'],
    ['lossy WebP', webpOf(lossyFrame(640, 480)), 'image/webp'],
    ['lossless WebP', webpOf(losslessFrame(640, 480)), 'image/webp'],
    ['extended WebP', webpOf(canvas(640, 480), ['ALPH', Buffer.alloc(3)], lossyFrame(640, 480)), 'image/webp'],
  ])('%s tells its type and size', async (_name, bytes, mediaType) => {
    expect(await read(bytes)).toEqual({ mediaType, width: 640, height: 480 });
  });

  it('may carry anything behind its end', async () => {
    for (const image of [jpegOf(8, 8), pngOf(8, 8), webpOf(losslessFrame(8, 8))]) {
      expect(await codeOf(Buffer.concat([image, Buffer.from('PK\x03\x04<?php')]))).toMatch(/^image\//);
    }
  });

  it('may have stray and fill bytes before a JPEG marker', async () => {
    const image = jpegOf(8, 8, { segments: [jpegSegment(0xe1, Buffer.alloc(9)), Buffer.from([0, 0, 7, 0xff, 0xff])] });
    expect(await codeOf(image)).toBe('image/jpeg');
  });

  it('may be a PNG whose text would swell a decoder: nothing is inflated', async () => {
    const bytes = pngOf(64, 64, { chunks: textBombs(100, 7_900_000) });
    const source = sourceOf(bytes);
    expect(await readImageHeader(source)).toMatchObject({ width: 64 });
    expect(source.reads).toBeLessThanOrEqual(Math.ceil(bytes.length / 65_536) * 2);
  });
});

describe('a JPEG of little but stray bytes', () => {
  const start = jpegSegment(0xe0, Buffer.alloc(14));
  const stretches = (count: number, bytes = 1) => {
    const stretch = Buffer.concat([Buffer.alloc(bytes), Buffer.from([0xff, 0xd0])]);
    return jpegOf(8, 8, { segments: [start, ...Array.from({ length: count }, () => stretch)] });
  };

  it('is no picture, while a few stretches of them do no harm', async () => {
    expect(await codeOf(stretches(32))).toBe('image/jpeg');
    expect(await codeOf(stretches(33))).toBe('undecodable_image');
  });

  it('costs as many reads as it has blocks', async () => {
    for (const count of [32, 33_000]) {
      const source = sourceOf(stretches(count));
      await readImageHeader(source).catch(() => undefined);
      expect(source.reads).toBeLessThanOrEqual(2);
    }
    const source = sourceOf(stretches(20, 200_000));
    expect(await readImageHeader(source)).toMatchObject({ mediaType: 'image/jpeg' });
    expect(source.reads).toBeLessThanOrEqual(Math.ceil(source.size / 65_536) + 20);
  });
});

describe('an image that is cut short', () => {
  it.each([
    ['JPEG', jpegOf(64, 64)],
    ['PNG', pngOf(64, 64)],
    ['lossy WebP', webpOf(lossyFrame(64, 64))],
    ['lossless WebP', webpOf(losslessFrame(64, 64))],
    ['extended WebP', webpOf(canvas(64, 64), lossyFrame(64, 64))],
  ])('is called that wherever a %s was cut', async (_name, bytes) => {
    for (let length = 12; length < bytes.length; length++) {
      expect([length, await codeOf(bytes.subarray(0, length))]).toEqual([length, 'truncated_image']);
    }
  });

  it('is not saved by the end marker of a thumbnail', async () => {
    const thumbnail = jpegSegment(0xe1, jpegOf(8, 8));
    const image = jpegOf(64, 64, { segments: [thumbnail] });
    expect(await codeOf(image)).toBe('image/jpeg');
    expect(await codeOf(image.subarray(0, -2))).toBe('truncated_image');
  });

  it('is told from one whose end marker lies across two blocks', async () => {
    for (const bytes of [65_535, 65_536, 131_071]) {
      const scanAt = jpegOf(8, 8, { scan: Buffer.alloc(0) }).length - 2;
      expect(await codeOf(jpegOf(8, 8, { scan: Buffer.alloc(bytes - scanAt - 1, 1) }))).toBe('image/jpeg');
    }
  });
});

describe('pixels', () => {
  it.each([
    ['PNG of 30,000 x 30,000 in 1 bit', pngOf(30_000, 30_000, { depth: 1 }), 'too_many_pixels'],
    ['WebP of 16,383 x 16,383', webpOf(losslessFrame(16_383, 16_383)), 'too_many_pixels'],
    ['PNG of one column too many', pngOf(5_121, 5_120, { depth: 1 }), 'too_many_pixels'],
    ['PNG of exactly as many as may be', pngOf(5_120, 5_120, { depth: 1 }), 'image/png'],
    ['PNG of the longest side', pngOf(65_535, 400, { depth: 1 }), 'image/png'],
    ['PNG of a longer side', pngOf(65_536, 1, { depth: 1 }), 'too_many_pixels'],
    ['PNG of a strip of all pixels', pngOf(1, 26_214_400, { depth: 1 }), 'too_many_pixels'],
    ['PNG of a wider strip of all pixels', pngOf(8, 3_276_800, { depth: 1 }), 'too_many_pixels'],
    ['JPEG of twice as many', jpegOf(8_192, 6_400), 'image/jpeg'],
    ['JPEG of a row more', jpegOf(8_192, 6_401), 'too_many_pixels'],
  ])('%s', async (_name, bytes, code) => {
    expect(await codeOf(bytes)).toBe(code);
  });
});

describe('a damaged header', () => {
  const changed = (bytes: Buffer, at: number, value: number) => {
    const copy = Buffer.from(bytes);
    copy[at] = value;
    return copy;
  };
  it.each([
    ['JPEG without a frame', Buffer.concat([Buffer.from([0xff, 0xd8]), jpegSegment(0xda, Buffer.alloc(9))])],
    ['JPEG that ends before its scan', Buffer.from('ffd8ffd90000', 'hex')],
    ['JPEG of no height', jpegOf(8, 0)],
    ['JPEG with two frames', jpegOf(8, 8, { segments: [jpegSegment(0xc0, Buffer.from('0800080008010111', 'hex'))] })],
    [
      'JPEG of endless segments',
      jpegOf(8, 8, { segments: Array.from({ length: 10_001 }, () => jpegSegment(0xe0, Buffer.alloc(0))) }),
    ],
    ['PNG that starts with another chunk', changed(pngOf(8, 8), 12, 0x4a)],
    ['PNG of no width', pngOf(0, 8)],
    ['PNG of a depth that its colour type lacks', changed(pngOf(8, 8), 24, 4)],
    ['PNG with a chunk of no type', pngOf(8, 8, { chunks: [pngChunk('\0\0\0\0', Buffer.alloc(2))] })],
    [
      'PNG of more than 20,000 chunks',
      pngOf(8, 8, { chunks: Array.from({ length: 20_000 }, () => pngChunk('tEXt', Buffer.alloc(0))) }),
    ],
    ['WebP of no known chunk', webpOf(['XXXX', Buffer.alloc(12)])],
    ['WebP that is no key frame', changed(webpOf(lossyFrame(8, 8)), 20, 0x11)],
    ['extended WebP without an image', webpOf(canvas(8, 8), ['EXIF', Buffer.alloc(20)])],
  ])('%s is called undecodable', async (_name, bytes) => {
    expect(await codeOf(bytes)).toBe('undecodable_image');
  });
});

describe('another type', () => {
  it.each([
    ['GIF', 'GIF89a'],
    ['TIFF', 'II*\0'],
    ['AVIF', '\0\0\0\x1cftypavif'],
    ['HEIC', '\0\0\0\x18ftypheic'],
    ['SVG', '<svg xmlns="http://www.w3.org/2000/svg"/>'],
    ['PDF', '%PDF-1.7'],
    ['BMP', 'BM\x3a\0\0\0'],
    ['WAVE, which is a RIFF as well', 'RIFF\x24\0\0\0WAVEfmt '],
    ['text', 'hello'],
    ['one byte', '\xff'],
  ])('%s is refused, and told what is accepted', async (_name, start) => {
    const bytes = Buffer.concat([Buffer.from(start, 'latin1'), Buffer.alloc(start.length > 1 ? 40 : 0)]);
    await expect(read(bytes)).rejects.toMatchObject({
      code: 'unsupported_media_type',
      message: 'The file is none of image/jpeg, image/png, image/webp.',
    });
  });
});

it('reads no block of a 25 MiB file more than twice', async () => {
  const chunks = Array.from({ length: 19_990 }, () => pngChunk('IDAT', Buffer.alloc(1_290)));
  const bytes = pngOf(64, 64, { chunks });
  const source = sourceOf(bytes);
  expect(await readImageHeader(source)).toMatchObject({ mediaType: 'image/png' });
  expect(source.reads).toBeLessThanOrEqual(2 * Math.ceil(bytes.length / 65_536));
});

const corpora = findHostileCorpora();
if (corpora === null) process.stderr.write('skipped: hostile corpora, because the shared material is absent\n');
(corpora === null ? describe.skip : describe)('hostile corpora', () => {
  it('end in a header or in a refusal, each within a second', async () => {
    let files = 0;
    for (const archive of readdirSync(corpora!).filter((name) => name.endsWith('.tar.gz'))) {
      for (const { name, bytes } of filesOfArchive(join(corpora!, archive))) {
        const startedMs = performance.now();
        expect([name, await codeOf(bytes)]).toEqual([
          name,
          expect.stringMatching(
            /^(image\/(jpeg|png|webp)|unsupported_media_type|undecodable_image|truncated_image|too_many_pixels)$/,
          ),
        ]);
        expect(performance.now() - startedMs).toBeLessThan(1_000);
        files++;
      }
    }
    expect(files).toBe(2_076);
  });
});
