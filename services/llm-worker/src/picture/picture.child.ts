import sharp from 'sharp';
import { hardenDecoder } from '@touchstone/imaging/decode-image';
import { serveTasks } from '@touchstone/imaging/serve-tasks';
import { makePictures } from './make-pictures.ts';
import type { Pictures, PictureTask } from './picture-pool.ts';

serveTasks<null, PictureTask, Pictures>(async () => {
  hardenDecoder();
  // The first image of a process would pay for loading otherwise.
  const grey = sharp({ create: { width: 640, height: 480, channels: 3, background: '#808080' } });
  const file = await grey.jpeg().toBuffer();
  await makePictures({ file, mediaType: 'image/jpeg', faces: [[10, 10, 100, 100]] });
  return makePictures;
});
