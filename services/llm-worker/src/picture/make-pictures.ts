import sharp, { type Sharp } from 'sharp';
import { openImage } from '@touchstone/imaging/decode-image';
import { planFaceRegions } from '../core/face-region.ts';
import type { Pictures, PictureTask } from './picture-pool.ts';

/** Longest side of everything that is sent (llm-and-fusion.md A3). */
const MAX_SIDE_PX = 1_024;
const FACE_SIDE_PX = 768;
/** Fine enough that the traces of our own compression are none to report. */
const JPEG = { quality: 92, chromaSubsampling: '4:4:4' } as const;

/** The pictures that the model gets of an image. They are made from bare pixels, so no metadata can come along. */
export async function makePictures({ file, mediaType, faces }: PictureTask): Promise<Pictures> {
  const image = await openImage(file, mediaType);
  const pixels = await image.decode('apply');
  const open = () => sharp(pixels.data, { raw: { width: pixels.width, height: pixels.height, channels: 3 } });
  const finish = (picture: Sharp) => picture.jpeg(JPEG).toBuffer();
  const whole = open().resize(MAX_SIDE_PX, MAX_SIDE_PX, { fit: 'inside', withoutEnlargement: true });
  const cuts = planFaceRegions(faces, image, pixels).map((region) =>
    open().extract(region).resize(FACE_SIDE_PX, FACE_SIDE_PX, { fit: 'inside' }),
  );
  return {
    width: image.width,
    height: image.height,
    whole: await finish(whole),
    faces: await Promise.all(cuts.map(finish)),
  };
}
