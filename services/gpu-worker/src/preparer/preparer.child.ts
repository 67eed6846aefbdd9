import sharp from 'sharp';
import { asError } from '@touchstone/shared/process/error-code';
import { UndecodableImageError } from '../core/prepared-image.ts';
import type { FromChild, PrepareRequest } from './child-messages.ts';
import { hardenDecoder, openImage } from './decode-image.ts';
import { openFaceFinder } from './find-faces.ts';
import { prepareImage } from './prepare-image.ts';

/**
 * The process that touches the pixels of strangers. It holds no connection and no secret, and its parent may kill it at
 * any moment.
 */
process.on('disconnect', () => process.exit());
const send = (message: FromChild) => process.send!(message);

hardenDecoder();
const finder = await openFaceFinder();
// The first image of a process would pay for loading and compiling otherwise.
const picture = sharp({ create: { width: 640, height: 480, channels: 3, background: '#808080' } });
const blank = await openImage(await picture.jpeg().toBuffer(), 'image/jpeg');
await finder.find(await blank.decode('apply'), 1);

async function answer({ id, file, mediaType, plans }: PrepareRequest): Promise<void> {
  try {
    send({ kind: 'prepared', id, image: await prepareImage(file, mediaType, plans, finder) });
  } catch (error) {
    const { message } = asError(error);
    send({ kind: error instanceof UndecodableImageError ? 'undecodable' : 'internal', id, message });
  }
}

process.on('message', (request: PrepareRequest) => void answer(request));
send({ kind: 'ready' });
