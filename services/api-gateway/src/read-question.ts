import { AppError } from '@touchstone/shared/contracts/failure';
import type { Slot } from '@touchstone/shared/contracts/vocabulary';
import type { Question } from './accept-detection.ts';
import { openFileByteSource } from './adapters/file-byte-source.ts';
import { parseDetectionOptions } from './core/detection-options.ts';
import { readImageHeader } from './core/read-image-header.ts';

/** A form as it was received: its file on disk and its text fields. */
export type Upload = {
  file: { path: string; bytes: number; sha256: string };
  declaredMediaType: string;
  fields: Record<string, unknown>;
};

/** What the client asks of which image; throws the refusal. `deployed`: the slots that this deployment answers for. */
export async function readQuestion(upload: Upload, deployed: Slot[]): Promise<Question> {
  const { file } = upload;
  const options = parseDetectionOptions(upload.fields, deployed);
  if (file.bytes === 0) throw new AppError('malformed_request', 'The file in the field `image` is empty.');
  const { mediaType, width, height } = await readHeaderOf(file.path);
  const slots = deployed.filter((slot) => options.detectors.includes(slot));
  if (slots.length === 0) {
    throw new AppError('no_detector_available', 'This deployment has none of the detectors that were asked for.');
  }
  return {
    file,
    image: {
      sha256: file.sha256,
      media_type: mediaType,
      declared_media_type: declaredOtherwise(upload.declaredMediaType, mediaType),
      bytes: file.bytes,
      width,
      height,
    },
    options,
    slots,
  };
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
function declaredOtherwise(declared: string, actual: string): string | null {
  const type = declared.toLowerCase();
  return type !== actual && /^[a-z0-9.+-]{1,49}\/[a-z0-9.+-]{1,50}$/.test(type) ? type : null;
}
