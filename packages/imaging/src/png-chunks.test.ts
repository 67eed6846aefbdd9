import { describe, expect, it } from '@jest/globals';
import { crc32 } from 'node:zlib';
import { keepPixelChunks } from './png-chunks.ts';
import { UndecodableImageError } from './undecodable-image-error.ts';

const SIGNATURE = Buffer.from('89504e470d0a1a0a', 'hex');

function chunk(type: string, data: Uint8Array = Buffer.alloc(0)): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, checksum]);
}

const png = (...chunks: Buffer[]) => Buffer.concat([SIGNATURE, ...chunks]);
const header = chunk('IHDR', Buffer.alloc(13));
const pixels = chunk('IDAT', Buffer.from('pixels'));
const end = chunk('IEND');

describe('the PNG pre-pass', () => {
  it('keeps what carries pixels and drops the rest and all after the end', () => {
    const kept = ['PLTE', 'tRNS', 'gAMA', 'cHRM', 'sRGB'].map((type) => chunk(type, Buffer.from(type)));
    const dropped = ['zTXt', 'iTXt', 'tEXt', 'iCCP', 'eXIf', 'caBX', 'acTL', 'fdAT'].map((type) => chunk(type));
    const file = png(header, ...dropped, ...kept, pixels, ...dropped, pixels, end, chunk('IDAT'), Buffer.from('tail'));
    expect(Buffer.from(keepPixelChunks(file))).toEqual(png(header, ...kept, pixels, pixels, end));
  });

  it('reads a file that is a part of a larger buffer', () => {
    const inner = png(header, chunk('tEXt'), pixels, end);
    const outer = Buffer.concat([Buffer.from('abc'), inner, Buffer.from('def')]);
    expect(Buffer.from(keepPixelChunks(outer.subarray(3, 3 + inner.length)))).toEqual(png(header, pixels, end));
  });

  it.each([
    ['an empty file', Buffer.alloc(0)],
    ['another signature', Buffer.concat([Buffer.from('GIF89a..'), header, pixels, end])],
    ['no end', png(header, pixels)],
    ['a cut end', png(header, pixels, end).subarray(0, -1)],
    ['a chunk longer than the file', png(header, Buffer.from('7fffffff49444154', 'hex'), pixels, end)],
    ['a length beyond 2^31', png(header, Buffer.from('ffffffff49444154', 'hex'), pixels, end)],
    ['a header that is not first', png(pixels, header, end)],
    ['two headers', png(header, header, pixels, end)],
    ['a short header', png(chunk('IHDR', Buffer.alloc(12)), pixels, end)],
    ['no pixels', png(header, end)],
    ['20,001 chunks', png(header, ...Array.from({ length: 19_999 }, () => pixels), end)],
  ])('refuses %s', (_, file) => {
    expect(() => keepPixelChunks(file)).toThrow(UndecodableImageError);
  });

  it('takes 20,000 chunks', () => {
    const file = png(header, ...Array.from({ length: 19_998 }, () => pixels), end);
    expect(keepPixelChunks(file)).toHaveLength(file.length);
  });
});
