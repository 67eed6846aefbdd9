import type { StorageEngine } from 'multer';
import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, readdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { callbackify } from 'node:util';
import { AppError } from '@touchstone/shared/contracts/failure';
import { MAX_IMAGE_BYTES } from '@touchstone/shared/contracts/limits';
import { asError, hasErrorCode } from '@touchstone/shared/process/error-code';

/** A received file on disk. It counts as in flight until it is discarded, which never fails. */
export type SpooledFile = { path: string; bytes: number; sha256: string; discard(): Promise<void> };

export type Spool = {
  readonly bytesInFlight: number;
  /** Throws `overloaded` when `bytes` more would be too much. */
  assertRoom(bytes: number): void;
  /** For one request. Whoever gets a file discards it; multer's own removal does nothing. */
  engine(onFile: (file: SpooledFile) => void): StorageEngine;
};

/** A live upload ends within a minute, so what is older was left by a process that was killed. */
const STALE_AFTER_MS = 600_000;

/**
 * Uploads on their way to the object store. On disk and not in memory, because memory is parallel uploads times their
 * size; on the store's own file system, so that storing is a link. The bytes in flight are capped.
 */
export async function openSpool(
  dir: string,
  maxBytesInFlight: number,
  onError: (error: Error) => void,
): Promise<Spool> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  await removeStaleFiles(dir);
  let inFlight = 0;
  const overloaded = () =>
    new AppError('overloaded', 'Too many uploads are underway.', { headers: { 'Retry-After': '2' } });

  const receive = async (stream: Readable): Promise<SpooledFile> => {
    const path = join(dir, randomUUID());
    const hash = createHash('sha256');
    const stop = new AbortController();
    let bytes = 0;
    let refusal: AppError | null = null;
    const discard = async () => {
      inFlight -= bytes;
      bytes = 0;
      await unlink(path).catch((error: unknown) => {
        if (!hasErrorCode(error, 'ENOENT')) onError(asError(error));
      });
    };
    const refuse = (error: AppError) => {
      refusal ??= error;
      stop.abort();
    };
    // busboy's event: the file goes on beyond the limit.
    stream.once('limit', () =>
      refuse(new AppError('payload_too_large', `An image has at most ${MAX_IMAGE_BYTES} bytes.`)),
    );
    const count = async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        hash.update(chunk);
        bytes += chunk.length;
        inFlight += chunk.length;
        if (inFlight > maxBytesInFlight) refuse(overloaded());
        yield chunk;
      }
    };
    try {
      const file = createWriteStream(path, { flags: 'wx', mode: 0o600 });
      await pipeline(stream, count, file, { signal: stop.signal });
    } catch (error) {
      await discard();
      throw refusal ?? (isSystemError(error) ? cannotSpool(error) : error);
    }
    return { path, bytes, sha256: hash.digest('hex'), discard };
  };

  return {
    get bytesInFlight() {
      return inFlight;
    },
    assertRoom(bytes) {
      if (inFlight + bytes > maxBytesInFlight) throw overloaded();
    },
    engine: (onFile) => ({
      _handleFile(_request, file, callback) {
        const work = async () => {
          onFile(await receive(file.stream));
          return {};
        };
        callbackify(work)(callback);
      },
      _removeFile: (_request, _file, callback) => callback(null),
    }),
  };
}

const isSystemError = (error: unknown): error is NodeJS.ErrnoException =>
  typeof error === 'object' && error !== null && 'syscall' in error;
const cannotSpool = (cause: NodeJS.ErrnoException) =>
  new AppError('store_unavailable', 'The upload cannot be put down at the moment.', { cause });

async function removeStaleFiles(dir: string): Promise<void> {
  for (const name of await readdir(dir)) {
    const path = join(dir, name);
    const found = await stat(path).catch(() => null);
    if (found !== null && Date.now() - found.mtimeMs > STALE_AFTER_MS) await unlink(path).catch(() => undefined);
  }
}
