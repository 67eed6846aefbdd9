import type { ByteWindow } from './byte-source.ts';
import { cutShort, unreadableHeader, type FormatHeader } from './format-header.ts';

/** Far above any real file; without it, 25 MiB of empty segments would be six million steps. */
const MAX_SEGMENTS = 10_000;
/** Stretches of bytes that belong to no segment: a camera's oddity, while a file of little else is no picture. */
const MAX_STRAY_STRETCHES = 32;
const MARKER = 0xff;
const END_OF_IMAGE = Buffer.from([0xff, 0xd9]);

/** SOF0 to SOF15 without DHT (C4), JPG (C8) and DAC (CC), which share the range. ITU-T T.81 table B.1. */
const isFrame = (code: number) => code >= 0xc0 && code <= 0xcf && code !== 0xc4 && code !== 0xc8 && code !== 0xcc;
/** Markers without a length: TEM, RST0 to RST7, SOI; and 00, which is no marker but stuffing. */
const isBare = (code: number) => code <= 0x01 || (code >= 0xd0 && code <= 0xd8);

/** Walks the segments up to the first scan. Segments are skipped by length, so thumbnails inside them do not count. */
export async function readJpegHeader(window: ByteWindow): Promise<FormatHeader> {
  let frame: { width: number; height: number } | null = null;
  let at = 2;
  let strays = 0;
  for (let segments = 0; segments < MAX_SEGMENTS; segments++) {
    // Decoders skip stray bytes before a marker, and some cameras write them.
    if ((await window.at(at, 1))[0] !== MARKER) {
      if (++strays > MAX_STRAY_STRETCHES) throw unreadableHeader('JPEG');
      at = await window.indexOf(MARKER, at);
    }
    const head = at === -1 ? Buffer.alloc(0) : await window.at(at, 9);
    if (head.length < 4) throw cutShort('JPEG');
    const code = head[1]!;
    if (code === 0xff) at += 1;
    else if (isBare(code)) at += 2;
    else if (code === 0xda) {
      if (frame === null) throw unreadableHeader('JPEG');
      const scanAt = at + 2;
      return { ...frame, isComplete: () => window.has(END_OF_IMAGE, scanAt) };
    } else {
      const bytes = head.readUInt16BE(2);
      if (code === 0xd9 || bytes < 2) throw unreadableHeader('JPEG');
      if (isFrame(code)) {
        if (head.length < 9) throw cutShort('JPEG');
        if (frame !== null || bytes < 8) throw unreadableHeader('JPEG');
        frame = { height: head.readUInt16BE(5), width: head.readUInt16BE(7) };
        if (frame.width === 0 || frame.height === 0) throw unreadableHeader('JPEG');
      }
      at += 2 + bytes;
    }
    if (at >= window.size) throw cutShort('JPEG');
  }
  throw unreadableHeader('JPEG');
}
