import sharp, { type Metadata } from 'sharp';
import type { MediaType } from '@touchstone/shared/contracts/request-record';
import { MAX_JPEG_PIXELS, MAX_PIXELS, MAX_SIDE_PX } from '@touchstone/shared/contracts/limits';
import type { Pixels } from './pixels.ts';
import { keepPixelChunks } from './png-chunks.ts';
import { UndecodableImageError } from './undecodable-image-error.ts';

/** An image whose header was read; its pixels come when asked for. */
export type OpenImage = {
  /** Upright size in full. */
  width: number;
  height: number;
  /** Whether the stored rows are not the upright ones. */
  isTurned: boolean;
  caveats: string[];
  /** Decodes: upright, or as stored. Each call decodes anew. */
  decode(orientation: 'apply' | 'ignore'): Promise<Pixels>;
};

/**
 * Makes sharp fit for hostile files, once per process: no loader but the three formats of the door, no cache, and one
 * thread per image. Source: reliability.md U5 and U7.
 */
export function hardenDecoder(): void {
  sharp.cache(false);
  sharp.concurrency(1);
  sharp.block({ operation: ['VipsForeignLoad'] });
  sharp.unblock({
    operation: ['VipsForeignLoadJpegBuffer', 'VipsForeignLoadPngBuffer', 'VipsForeignLoadWebpBuffer'],
  });
}

/**
 * `ignoreIcc`: a profile applied by sharp moved photos by up to 18 levels (detectors.md section 4.1). `failOn`: a JPEG
 * that lost its second half but not its end marker is no more than a warning to its decoder, and half a grey picture.
 */
const DECODER_OPTIONS = { ignoreIcc: true, failOn: 'warning', pages: 1, limitInputPixels: MAX_JPEG_PIXELS } as const;
const FORMATS: Record<MediaType, Metadata['format']> = {
  'image/jpeg': 'jpeg',
  'image/png': 'png',
  'image/webp': 'webp',
};
const TURNED_FROM = 2;
const SIDEWAYS_FROM = 5;

/** Reads the header. Rejects with UndecodableImageError, as decoding does. */
export async function openImage(file: Uint8Array, mediaType: MediaType): Promise<OpenImage> {
  const bytes = mediaType === 'image/png' ? keepPixelChunks(file) : file;
  // sharp throws at once on an empty file, and rejects on others.
  if (bytes.length === 0) throw new UndecodableImageError('the file is empty');
  const header = await sharp(bytes, DECODER_OPTIONS).metadata().catch(refuse);
  if (header.format !== FORMATS[mediaType]) throw new UndecodableImageError('the image is not of its type');
  const pixelCount = header.width * header.height;
  if (Math.max(header.width, header.height) > MAX_SIDE_PX) {
    throw new UndecodableImageError('a side of the image is too long');
  }
  if (pixelCount > (mediaType === 'image/jpeg' ? MAX_JPEG_PIXELS : MAX_PIXELS)) {
    throw new UndecodableImageError('the image has too many pixels');
  }
  const isHalved = pixelCount > MAX_PIXELS;
  const orientation = header.orientation ?? 1;
  const isSideways = orientation >= SIDEWAYS_FROM;
  const [width, height] = isSideways ? [header.height, header.width] : [header.width, header.height];

  return {
    width,
    height,
    isTurned: orientation >= TURNED_FROM,
    caveats: [...(header.space === 'cmyk' ? ['reduced_parity'] : []), ...(isHalved ? ['half_scale'] : [])],
    async decode(orientationRule) {
      const isUpright = orientationRule === 'apply';
      let image = sharp(bytes, DECODER_OPTIONS);
      if (isUpright) image = image.autoOrient();
      if (isHalved) {
        // sharp takes the JPEG decoder's own 1/2 only on the way to 1/3 and less, so rows are halved as they come.
        const [w, h] = isUpright ? [width, height] : [header.width, header.height];
        image = image.resize(Math.ceil(w / 2), Math.ceil(h / 2), { fit: 'fill', kernel: 'linear' });
      }
      const { data, info } = await image
        .removeAlpha()
        .toColourspace('srgb')
        .raw({ depth: 'uchar' })
        .toBuffer({ resolveWithObject: true })
        .catch(refuse);
      if (info.channels !== 3) throw new Error(`the decoder gave ${info.channels} channels`);
      return { data, width: info.width, height: info.height };
    },
  };
}

function refuse(cause: unknown): never {
  throw new UndecodableImageError('the image cannot be decoded', { cause });
}
