import type { Request, Response } from 'express';
import type { z } from 'zod';
import { AppError } from '@touchstone/shared/contracts/failure';
import { parseBody } from '../core/parse-body.ts';

/** reliability.md U15. */
const MAX_BYTES = 65_536;

/** Reads and parses a JSON body; throws the refusal. Without a body it is an empty object. */
export async function readJsonBody<S extends z.ZodType>(
  request: Request,
  response: Response,
  schema: S,
): Promise<z.infer<S>> {
  const { headers } = request;
  const declared = headers['content-length'];
  const hasBody = headers['transfer-encoding'] !== undefined || Number(declared ?? 0) > 0;
  if (!hasBody) return parseBody({}, schema);
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    throw new AppError('unsupported_media_type', 'A body with a Content-Encoding is not accepted.');
  }
  if (!/^application\/json(?: *; *charset="?utf-8"?)? *$/i.test(headers['content-type']?.trim() ?? '')) {
    throw new AppError('unsupported_media_type', 'Send the body as application/json.');
  }
  if (Number(declared ?? 0) > MAX_BYTES) throw tooLarge();
  if (headers.expect?.toLowerCase() === '100-continue') response.writeContinue();
  return parseBody(parseJson(await readAll(request)), schema);
}

const tooLarge = () => new AppError('payload_too_large', `A JSON body has at most ${MAX_BYTES} bytes.`);

/** Leaves the stream as it is when it gives up: the answer still has to reach the client. */
function readAll(request: Request): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= MAX_BYTES) chunks.push(chunk);
      else reject(tooLarge());
    });
    request.once('end', () => resolve(Buffer.concat(chunks)));
    request.once('close', () => reject(new AppError('malformed_request', 'The body ended early.')));
  });
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new AppError('malformed_request', 'The body is not JSON in UTF-8.');
  }
}
