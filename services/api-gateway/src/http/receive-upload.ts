import multer from 'multer';
import type { Request, Response } from 'express';
import { AppError } from '@touchstone/shared/contracts/failure';
import { MAX_IMAGE_BYTES } from '@touchstone/shared/contracts/limits';
import { asError } from '@touchstone/shared/process/error-code';
import type { Spool, SpoolPlace } from '../adapters/spool-storage.ts';
import type { Upload } from '../read-question.ts';

/** contract.md section 3. */
const LIMITS: NonNullable<multer.Options['limits']> = {
  fileSize: MAX_IMAGE_BYTES,
  files: 1,
  fields: 16,
  parts: 20,
  fieldSize: 4_096,
  fieldNameSize: 64,
  headerPairs: 16,
  fieldNestingDepth: 0,
  fieldArrayIndexLimit: 0,
};
/** Room for the fields and the framing around the file. */
const MAX_BODY_BYTES = MAX_IMAGE_BYTES + 1_048_576;

/** A received form. Whoever gets it discards the file in the end, whatever happened. */
export type ReceivedUpload = Upload & { discard(): Promise<void> };

/** Receives the form with its file in the field `image`; throws the refusal, and then leaves nothing in the spool. */
export async function receiveUpload(request: Request, response: Response, spool: Spool): Promise<ReceivedUpload> {
  assertReadable(request);
  const declared = request.headers['content-length'];
  const declaredBytes = declared === undefined ? null : Number(declared);
  if (declaredBytes !== null && declaredBytes > MAX_BODY_BYTES) throw tooLarge();
  const place = spool.reserve(declaredBytes);
  try {
    // The client waits for this before it sends the body: a refusal until here saves it the upload.
    if (request.headers.expect?.toLowerCase() === '100-continue') response.writeContinue();
    await readForm(request, response, place);
    const { file } = place;
    if (request.file === undefined || file === null) {
      throw new AppError('malformed_request', 'The form has no file in the field `image`.');
    }
    const fields = request.body as Record<string, unknown>;
    return { file, declaredMediaType: declaredTypeOf(request.file), fields, discard: () => place.discard() };
  } catch (error) {
    await place.discard();
    throw error;
  }
}

/** busboy says `text/plain` where the part has no type, so that word from the client is lost: nobody means it of an image. */
const declaredTypeOf = ({ mimetype }: Express.Multer.File) => (mimetype === 'text/plain' ? null : mimetype);

/** Runs multer. What fails here is told on the spot, while multer would read the body to its end first. */
function readForm(request: Request, response: Response, place: SpoolPlace): Promise<void> {
  return new Promise((resolve, reject) => {
    const middleware = multer({ storage: place.engine(reject), limits: LIMITS }).single('image');
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > MAX_BODY_BYTES) reject(tooLarge());
    });
    middleware(request, response, (error: unknown) => {
      if (error === undefined || error === null) resolve();
      else reject(explain(asError(error)));
    });
  });
}

const tooLarge = () =>
  new AppError('payload_too_large', `An image has at most ${MAX_IMAGE_BYTES} bytes, and little else goes with it.`);

function assertReadable(request: Request): void {
  const { headers } = request;
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
  if (!hasBody) throw new AppError('malformed_request', 'The request has no body; send a form with a file `image`.');
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    throw new AppError('unsupported_media_type', 'A body with a Content-Encoding is not accepted.');
  }
  if (!/^multipart\/form-data(?:;|$)/i.test(headers['content-type']?.trim() ?? '')) {
    throw new AppError('unsupported_media_type', 'Send the image as multipart/form-data in the field `image`.');
  }
}

/** The client's fault: what the spool refuses has been told before. */
function explain(error: Error): AppError {
  if (error instanceof AppError) return error;
  const code = 'code' in error ? error.code : undefined;
  switch (code) {
    case 'LIMIT_FILE_SIZE':
      return tooLarge();
    case 'LIMIT_FILE_COUNT':
    case 'LIMIT_UNEXPECTED_FILE':
      return new AppError('malformed_request', 'The form may hold one file, in the field `image`.');
    case 'LIMIT_PART_COUNT':
    case 'LIMIT_FIELD_COUNT':
      return new AppError('malformed_request', `The form has more than ${LIMITS.fields} text fields.`);
    case 'LIMIT_FIELD_KEY':
    case 'LIMIT_FIELD_VALUE':
      return new AppError('malformed_request', 'A field of the form is too long.');
    case 'LIMIT_FIELD_NESTING':
    case 'LIMIT_FIELD_ARRAY_INDEX':
    case 'MISSING_FIELD_NAME':
    case 'INVALID_FIELD_NAME':
      return new AppError('malformed_request', 'A field of the form has a name that is not accepted.');
    default:
      return new AppError('malformed_request', 'The body is not a whole multipart form.', { cause: error });
  }
}
