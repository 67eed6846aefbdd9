import { crc32, deflateSync } from 'node:zlib';
import type { ByteSource } from '../src/core/byte-source.ts';

/** Images made by hand: structure is all that the gateway looks at. */
const u16 = (value: number) => {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
};
const u32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

export function pngChunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  return Buffer.concat([u32(data.length), body, u32(crc32(body))]);
}

/** A PNG that decodes, as long as its pixels are few; `depth` 1 is black and white, 8 is RGB. */
export function pngOf(width: number, height: number, more: { depth?: 1 | 8; chunks?: Buffer[] } = {}): Buffer {
  const depth = more.depth ?? 8;
  const rowBytes = 1 + (depth === 1 ? Math.ceil(width / 8) : 3 * width);
  const header = Buffer.concat([u32(width), u32(height), Buffer.from([depth, depth === 1 ? 0 : 2, 0, 0, 0])]);
  // What matters of a huge picture is its header, so its pixels are left out.
  const pixels = deflateSync(Buffer.alloc(width * height > 1e6 ? 0 : rowBytes * height));
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    pngChunk('IHDR', header),
    ...(more.chunks ?? []),
    pngChunk('IDAT', pixels),
    pngChunk('IEND', new Uint8Array()),
  ]);
}

/** `count` text chunks that inflate to `bytes` each: small files that swell a decoder. */
export function textBombs(count: number, bytes: number): Buffer[] {
  const packed = deflateSync(Buffer.alloc(bytes, 'A'), { level: 9 });
  return Array.from({ length: count }, (_, i) =>
    pngChunk('zTXt', Buffer.concat([Buffer.from(`C${i}\0\0`, 'latin1'), packed])),
  );
}

export function jpegSegment(code: number, data: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([0xff, code]), u16(data.length + 2), data]);
}

/** The segments of a JPEG around `scan`, which stands for its coded pixels. */
export function jpegOf(width: number, height: number, more: { segments?: Buffer[]; scan?: Buffer } = {}): Buffer {
  const frame = Buffer.concat([Buffer.from([8]), u16(height), u16(width), Buffer.from([1, 1, 0x11, 0])]);
  return Buffer.concat([
    Buffer.from([0xff, 0xd8]),
    ...(more.segments ?? []),
    jpegSegment(0xc0, frame),
    jpegSegment(0xda, Buffer.from([1, 1, 0, 0, 63, 0])),
    more.scan ?? Buffer.alloc(64, 0x5a),
    Buffer.from([0xff, 0xd9]),
  ]);
}

export function webpOf(...chunks: [string, Buffer][]): Buffer {
  const body = Buffer.concat(
    chunks.map(([type, data]) => {
      const size = Buffer.alloc(4);
      size.writeUInt32LE(data.length);
      return Buffer.concat([Buffer.from(type, 'latin1'), size, data, Buffer.alloc(data.length % 2)]);
    }),
  );
  const size = Buffer.alloc(4);
  size.writeUInt32LE(body.length + 4);
  return Buffer.concat([Buffer.from('RIFF', 'latin1'), size, Buffer.from('WEBP', 'latin1'), body]);
}

export function losslessFrame(width: number, height: number): [string, Buffer] {
  const bits = Buffer.alloc(4);
  bits.writeUInt32LE(width - 1 + (height - 1) * 2 ** 14);
  return ['VP8L', Buffer.concat([Buffer.from([0x2f]), bits, Buffer.alloc(8)])];
}

export function lossyFrame(width: number, height: number): [string, Buffer] {
  const size = Buffer.alloc(4);
  size.writeUInt16LE(width, 0);
  size.writeUInt16LE(height, 2);
  return ['VP8 ', Buffer.concat([Buffer.from([0x10, 0, 0, 0x9d, 0x01, 0x2a]), size, Buffer.alloc(8)])];
}

export function canvas(width: number, height: number): [string, Buffer] {
  const data = Buffer.alloc(10);
  data.writeUIntLE(width - 1, 4, 3);
  data.writeUIntLE(height - 1, 7, 3);
  return ['VP8X', data];
}

/** A source over bytes in memory that counts how many reads it takes. */
export function sourceOf(bytes: Buffer): ByteSource & { reads: number } {
  const source = {
    size: bytes.length,
    reads: 0,
    async read(offset: number, length: number) {
      source.reads++;
      return bytes.subarray(offset, offset + length);
    },
  };
  return source;
}
