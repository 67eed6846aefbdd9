import { UndecodableImageError } from './undecodable-image-error.ts';

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
/** Pixels and their meaning. Everything else goes: 771 KB of text chunks cost an unprotected decoder 3.8 GB. */
const KEPT = new Set(['IHDR', 'PLTE', 'IDAT', 'IEND', 'tRNS', 'gAMA', 'cHRM', 'sRGB']);
const MAX_CHUNKS = 20_000;
/** A chunk's length, type and checksum. */
const FRAME_BYTES = 12;

/**
 * The same PNG without the chunks that carry no pixels and without what follows its end. Nothing is inflated and no
 * checksum is computed: that is the decoder's work. Source: reliability.md U3.
 */
export function keepPixelChunks(file: Uint8Array): Uint8Array {
  if (SIGNATURE.some((byte, i) => file[i] !== byte)) throw new UndecodableImageError('not a PNG');
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const kept: Uint8Array[] = [file.subarray(0, SIGNATURE.length)];
  let hasPixels = false;
  let at = SIGNATURE.length;
  for (let chunks = 1; at + FRAME_BYTES <= file.length; chunks++) {
    if (chunks > MAX_CHUNKS) throw new UndecodableImageError('the PNG has too many chunks');
    const length = view.getUint32(at);
    const end = at + FRAME_BYTES + length;
    if (end > file.length) throw new UndecodableImageError('a chunk of the PNG is longer than the file');
    const type = String.fromCharCode(...file.subarray(at + 4, at + 8));
    if ((chunks === 1) !== (type === 'IHDR') || (type === 'IHDR' && length !== 13)) {
      throw new UndecodableImageError('the PNG must start with exactly one header');
    }
    if (type === 'IDAT') hasPixels = true;
    if (KEPT.has(type)) kept.push(file.subarray(at, end));
    if (type === 'IEND') {
      if (!hasPixels) throw new UndecodableImageError('the PNG has no pixels');
      return Buffer.concat(kept);
    }
    at = end;
  }
  throw new UndecodableImageError('the PNG has no end');
}
