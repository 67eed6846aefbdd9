import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { passing } from './s3-calls.ts';
import { readS3Failure, S3CallError } from './s3-failure.ts';

/** Reads an answer whole. Bytes that are missing are an error that passes: the connection ended early. */
export async function collectBody(body: Readable, bytes: number | undefined): Promise<Uint8Array> {
  const collected = await buffer(body);
  if (bytes !== undefined && collected.length !== bytes) throw passing('ECONNRESET');
  return collected;
}

/**
 * The answer as the caller's stream. It fails when the store is silent for `silenceMs` while the caller waits for
 * bytes; a caller that takes its time is no fault of the store.
 */
export function streamBody(body: Readable, silenceMs: number): Readable {
  const stream = Readable.from(readWithDeadline(body, silenceMs), { objectMode: false });
  // A generator that nobody started runs no `finally`: the connection must not hang on it.
  stream.once('close', () => body.destroy());
  // A connection that breaks before the first read is told by that read; without a listener it would end the process.
  body.on('error', () => {});
  return stream;
}

async function* readWithDeadline(body: Readable, silenceMs: number): AsyncGenerator<Buffer> {
  const chunks: AsyncIterator<Buffer> = body[Symbol.asyncIterator]();
  for (;;) {
    const timer = setTimeout(() => body.destroy(passing('ETIMEDOUT')), silenceMs);
    const next = await chunks
      .next()
      .catch((error: unknown) => {
        throw new S3CallError('GetObject', readS3Failure(error), 1);
      })
      .finally(() => clearTimeout(timer));
    if (next.done === true) return;
    yield next.value;
  }
}
