import { AppError } from '@touchstone/shared/contracts/failure';
import type { LlmPolicy } from '@touchstone/shared/contracts/request-record';
import type { Slot } from '@touchstone/shared/contracts/vocabulary';
import type { Question } from './accept-detection.ts';
import type { Asker, ChooseCallback } from './choose-callback.ts';
import { openFileByteSource } from './adapters/file-byte-source.ts';
import { callbackWishOf, parseDetectionOptions } from './core/detection-options.ts';
import { readImageHeader } from './core/read-image-header.ts';

/** A form as it was received: its file on disk and its text fields. */
export type Upload = {
  file: { path: string; bytes: number; sha256: string };
  /** The client's word for the file, if it gave one. */
  declaredMediaType: string | null;
  fields: Record<string, unknown>;
};

/** What a deployment answers for, and when it asks the LLM unless the client says otherwise. */
export type Offer = {
  slots: Slot[];
  llmPolicy: LlmPolicy;
  /** Ids that the option `operating_point` accepts now. */
  operatingPoints(): Promise<string[]>;
};

/** A question but for its image. */
export type Wishes = Pick<Question, 'options' | 'slots' | 'callback' | 'isCallbackOurChoice'>;

/** What the client asks of which image, and who is to hear the answer; throws the refusal. */
export async function readQuestion(
  upload: Upload,
  offer: Offer,
  asker: Asker,
  chooseCallback: ChooseCallback,
): Promise<Question> {
  const wishes = await readWishes(upload.fields, offer, asker, chooseCallback);
  return { ...wishes, file: upload.file, image: await inspectImage(upload.file, upload.declaredMediaType) };
}

/** What the text fields ask for, and who is to hear the answer; throws the refusal. */
export async function readWishes(
  fields: Record<string, unknown>,
  offer: Offer,
  asker: Asker,
  chooseCallback: ChooseCallback,
): Promise<Wishes> {
  const options = parseDetectionOptions(fields, offer.slots, offer.llmPolicy);
  await assertOffered(options.operating_point, offer);
  const slots = offer.slots.filter((slot) => options.detectors.includes(slot));
  if (slots.length === 0) {
    throw new AppError('no_detector_available', 'This deployment has none of the detectors that were asked for.');
  }
  const wish = callbackWishOf(fields);
  const callback = await chooseCallback(asker, wish);
  return { options, slots, callback, isCallbackOurChoice: wish.url === null && wish.endpoint === null };
}

/** What the bytes of a file say of it; throws the refusal. */
export async function inspectImage(file: Upload['file'], declaredMediaType: string | null): Promise<Question['image']> {
  if (file.bytes === 0) throw new AppError('malformed_request', 'The file in the field `image` is empty.');
  const { mediaType, width, height } = await readHeaderOf(file.path);
  return {
    sha256: file.sha256,
    media_type: mediaType,
    declared_media_type: declaredOtherwise(declaredMediaType, mediaType),
    bytes: file.bytes,
    width,
    height,
  };
}

async function assertOffered(operatingPoint: string | null, offer: Offer): Promise<void> {
  if (operatingPoint === null) return;
  const offered = await offer.operatingPoints();
  if (offered.includes(operatingPoint)) return;
  const detail =
    offered.length === 0
      ? 'There is no calibration for the detectors that run, so no operating point can be chosen.'
      : `This deployment offers ${offered.join(', ')}.`;
  throw new AppError('operating_point_unavailable', detail);
}

async function readHeaderOf(path: string) {
  const source = await openFileByteSource(path);
  try {
    return await readImageHeader(source);
  } finally {
    await source.close();
  }
}

/** The client's word is evidence when it differs, as long as it has the form of a media type. */
function declaredOtherwise(declared: string | null, actual: string): string | null {
  const type = declared?.toLowerCase();
  return type !== undefined && type !== actual && /^[a-z0-9.+-]{1,49}\/[a-z0-9.+-]{1,50}$/.test(type) ? type : null;
}
