import type { ByteWindow } from './byte-source.ts';
import { cutShort, unreadableHeader, type FormatHeader } from './format-header.ts';

const FIRST_CHUNK_AT = 12;
const CHUNK_HEAD_BYTES = 8;
const MAX_CHUNKS = 1_000;
const isImageChunk = (type: string) => type === 'VP8 ' || type === 'VP8L' || type === 'ANMF';

/** RFC 9649. An extended file (VP8X) states the size of its canvas, a simple one has it in its only frame. */
export async function readWebpHeader(window: ByteWindow): Promise<FormatHeader> {
  const riff = await window.at(0, FIRST_CHUNK_AT);
  const declaredBytes = riff.readUInt32LE(4) + 8;
  const chunk = await window.at(FIRST_CHUNK_AT, CHUNK_HEAD_BYTES + 10);
  if (chunk.length < CHUNK_HEAD_BYTES + 5) throw cutShort('WebP');
  const size = readSize(chunk.toString('latin1', 0, 4), chunk.subarray(CHUNK_HEAD_BYTES));
  if (size === null) {
    // The frame of a simple file tells its size within 10 bytes; too few of them are a cut, anything else is damage.
    throw chunk.length < CHUNK_HEAD_BYTES + 10 ? cutShort('WebP') : unreadableHeader('WebP');
  }
  return {
    ...size,
    isComplete: async () => declaredBytes <= window.size && (await holdsImage(window, declaredBytes)),
  };
}

function readSize(type: string, data: Buffer): { width: number; height: number } | null {
  switch (type) {
    case 'VP8 ': {
      // Section 9.1 of RFC 6386: bit 0 of the tag is 0 in a key frame, then a start code, then 14 bits each.
      const isKeyFrame = data.length >= 10 && (data[0]! & 1) === 0 && data.readUIntBE(3, 3) === 0x9d012a;
      if (!isKeyFrame) return null;
      const width = data.readUInt16LE(6) & 0x3fff;
      const height = data.readUInt16LE(8) & 0x3fff;
      return width === 0 || height === 0 ? null : { width, height };
    }
    case 'VP8L': {
      if (data[0] !== 0x2f) return null;
      const bits = data.readUInt32LE(1);
      return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
    }
    case 'VP8X':
      if (data.length < 10) return null;
      return { width: data.readUIntLE(4, 3) + 1, height: data.readUIntLE(7, 3) + 1 };
    default:
      return null;
  }
}

/** Follows the chunks to the first one with pixels, which must lie whole within the declared length. */
async function holdsImage(window: ByteWindow, endAt: number): Promise<boolean> {
  let at = FIRST_CHUNK_AT;
  for (let chunks = 0; chunks < MAX_CHUNKS && at < endAt; chunks++) {
    const head = await window.at(at, CHUNK_HEAD_BYTES);
    if (head.length < CHUNK_HEAD_BYTES) return false;
    const bytes = head.readUInt32LE(4);
    if (at + CHUNK_HEAD_BYTES + bytes > endAt) return false;
    if (isImageChunk(head.toString('latin1', 0, 4))) return true;
    at += CHUNK_HEAD_BYTES + bytes + (bytes % 2);
  }
  throw unreadableHeader('WebP');
}
