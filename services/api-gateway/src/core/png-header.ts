import { AppError } from '@touchstone/shared/contracts/failure';
import type { ByteWindow } from './byte-source.ts';
import { cutShort, unreadableHeader, type FormatHeader } from './format-header.ts';

const SIGNATURE_BYTES = 8;
/** Length, type and checksum around the data of a chunk. */
const CHUNK_FRAME_BYTES = 12;
/** contract.md section 3 with reliability.md U3. */
const MAX_CHUNKS = 20_000;

/** Bit depths that a colour type allows; PNG specification table 11.1. */
const BIT_DEPTHS: Record<number, number[]> = {
  0: [1, 2, 4, 8, 16],
  2: [8, 16],
  3: [1, 2, 4, 8],
  4: [8, 16],
  6: [8, 16],
};

export async function readPngHeader(window: ByteWindow): Promise<FormatHeader> {
  const head = await window.at(SIGNATURE_BYTES, 8 + 13);
  if (head.length < 8 + 13) throw cutShort('PNG');
  const width = head.readUInt32BE(8);
  const height = head.readUInt32BE(12);
  const isHeader = head.readUInt32BE(0) === 13 && head.toString('latin1', 4, 8) === 'IHDR';
  const hasSize = width > 0 && height > 0 && width < 2 ** 31 && height < 2 ** 31;
  if (!isHeader || !hasSize || !BIT_DEPTHS[head[17]!]?.includes(head[16]!)) throw unreadableHeader('PNG');
  return { width, height, isComplete: () => reachesEnd(window) };
}

/** Follows the lengths of the chunks to IEND, whatever they hold. */
async function reachesEnd(window: ByteWindow): Promise<boolean> {
  let at = SIGNATURE_BYTES;
  let hasPixels = false;
  for (let chunks = 0; chunks < MAX_CHUNKS; chunks++) {
    const head = await window.at(at, 8);
    if (head.length < 8) return false;
    at += CHUNK_FRAME_BYTES + head.readUInt32BE(0);
    if (at > window.size) return false;
    const type = head.toString('latin1', 4, 8);
    if (!/^[A-Za-z]{4}$/.test(type))
      throw new AppError('undecodable_image', 'A chunk of the PNG file has no valid type.');
    hasPixels ||= type === 'IDAT';
    if (type !== 'IEND') continue;
    if (!hasPixels) throw new AppError('undecodable_image', 'The PNG file holds no pixels.');
    return true;
  }
  throw new AppError('undecodable_image', `The PNG file has more than ${MAX_CHUNKS} chunks.`);
}
