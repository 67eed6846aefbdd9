import sharp, { type Sharp } from 'sharp';

/** What happens to pictures on their way through the web. Each starts from the file and ends as a file. */
export const VARIANTS = {
  jpeg_q70: (image) => image.jpeg(jpegOf(70)),
  jpeg_q50: (image) => image.jpeg(jpegOf(50)),
  jpeg_q30: (image) => image.jpeg(jpegOf(30)),
  half_size: (image, { width, height }) => scaled(image, width / 2, height / 2).png(FAST_PNG),
  double_size: (image, { width, height }) => scaled(image, width * 2, height * 2).png(FAST_PNG),
  /** 5 % of the picture's sides gone, a fortieth from each edge. */
  crop_5pct: (image, { width, height }) => {
    const [x, y] = [Math.round(width * 0.025), Math.round(height * 0.025)];
    return image.extract({ left: x, top: y, width: width - 2 * x, height: height - 2 * y }).png(FAST_PNG);
  },
  /** Shown a quarter smaller, photographed from the screen as PNG, sent on as a good JPEG without subsampling. */
  screenshot: async (image, { width, height }) => {
    const shown = await scaled(image, width * 0.75, height * 0.75)
      .png(FAST_PNG)
      .toBuffer();
    return sharp(shown).jpeg({ quality: 85, chromaSubsampling: '4:4:4' });
  },
} as const satisfies Record<string, (image: Sharp, size: Size) => Sharp | Promise<Sharp>>;
export type VariantId = keyof typeof VARIANTS;

type Size = { width: number; height: number };

/** Lossless files are read once and thrown away: their size does not matter. */
const FAST_PNG = { compressionLevel: 1 } as const;
const jpegOf = (quality: number) => ({ quality, chromaSubsampling: '4:2:0' }) as const;
const scaled = (image: Sharp, width: number, height: number) =>
  image.resize(Math.max(1, Math.round(width)), Math.max(1, Math.round(height)), { fit: 'fill', kernel: 'cubic' });

/** The variant as a file; null where the picture cannot be decoded. */
export async function makeVariant(file: Uint8Array, id: VariantId): Promise<Uint8Array | null> {
  try {
    // Upright pixels in a raw copy: orientation and profile must not come along.
    const { data, info } = await sharp(file).autoOrient().removeAlpha().raw().toBuffer({ resolveWithObject: true });
    const { width, height, channels } = info;
    const image = sharp(data, { raw: { width, height, channels } });
    return await (await VARIANTS[id](image, { width, height })).toBuffer();
  } catch {
    return null;
  }
}
