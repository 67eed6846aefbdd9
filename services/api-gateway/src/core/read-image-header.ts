import { AppError } from '@touchstone/shared/contracts/failure';
import { MAX_JPEG_PIXELS, MAX_PIXELS, MAX_SIDE_PX } from '@touchstone/shared/contracts/limits';
import { MediaType } from '@touchstone/shared/contracts/request-record';
import { createByteWindow, type ByteSource, type ByteWindow } from './byte-source.ts';
import { cutShort, type FormatHeader } from './format-header.ts';
import { readJpegHeader } from './jpeg-header.ts';
import { readPngHeader } from './png-header.ts';
import { sniffMediaType } from './sniff-media-type.ts';
import { readWebpHeader } from './webp-header.ts';

export type ImageHeader = { mediaType: MediaType; width: number; height: number };

const FORMATS: Record<MediaType, { name: string; read(window: ByteWindow): Promise<FormatHeader> }> = {
  'image/jpeg': { name: 'JPEG', read: readJpegHeader },
  'image/png': { name: 'PNG', read: readPngHeader },
  'image/webp': { name: 'WebP', read: readWebpHeader },
};

/**
 * Type and size of an image, or the reason to refuse it. Everything is read from the structure of the file and nothing
 * is decoded: damage inside is for the worker to find.
 */
export async function readImageHeader(source: ByteSource): Promise<ImageHeader> {
  const window = createByteWindow(source);
  const mediaType = sniffMediaType(await window.at(0, 12));
  if (mediaType === null) {
    throw new AppError('unsupported_media_type', `The file is none of ${MediaType.options.join(', ')}.`);
  }
  const format = FORMATS[mediaType];
  const header = await format.read(window);
  const maxPixels = mediaType === 'image/jpeg' ? MAX_JPEG_PIXELS : MAX_PIXELS;
  const size = `${header.width} x ${header.height}`;
  if (Math.max(header.width, header.height) > MAX_SIDE_PX) {
    throw new AppError('too_many_pixels', `The image has ${size} pixels; at most ${MAX_SIDE_PX} a side are accepted.`);
  }
  if (header.width * header.height > maxPixels) {
    throw new AppError('too_many_pixels', `The image has ${size} pixels; at most ${maxPixels} are accepted.`);
  }
  if (!(await header.isComplete())) throw cutShort(format.name);
  return { mediaType, width: header.width, height: header.height };
}
