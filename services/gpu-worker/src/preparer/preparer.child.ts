import sharp from 'sharp';
import { hardenDecoder, openImage } from '@touchstone/imaging/decode-image';
import { serveTasks } from '@touchstone/imaging/serve-tasks';
import { MIN_SCORED_FACE_PX } from '@touchstone/shared/contracts/limits';
import type { InputPlan, PreparedImage } from '../core/prepared-image.ts';
import { openFaceFinder } from './find-faces.ts';
import { prepareImage } from './prepare-image.ts';
import type { PrepareTask } from './preparer-pool.ts';

serveTasks<InputPlan[], PrepareTask, PreparedImage>(async (plans) => {
  hardenDecoder();
  const finder = await openFaceFinder();
  // The first image of a process would pay for loading and compiling otherwise.
  const picture = sharp({ create: { width: 640, height: 480, channels: 3, background: '#808080' } });
  const blank = await openImage(await picture.jpeg().toBuffer(), 'image/jpeg');
  await finder.find(await blank.decode('apply'), 1, MIN_SCORED_FACE_PX);
  return ({ file, mediaType }) => prepareImage(file, mediaType, plans, finder);
});
