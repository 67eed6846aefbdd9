import type { StorageEngine } from 'multer';
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { callbackify } from 'node:util';
import { AppError } from '@touchstone/shared/contracts/failure';
import { MAX_IMAGE_BYTES } from '@touchstone/shared/contracts/limits';
import { asError, hasErrorCode } from '@touchstone/shared/process/error-code';
import { isOrphan, prefixOf, readSpoolOwner, type SpoolOwner } from './spool-owner.ts';

/** A file that was received whole. */
export type SpoolFile = { path: string; bytes: number; sha256: string };

/** Room for the file of one upload. Whoever gets it discards it in the end, whatever happened. */
export type SpoolPlace = {
  /** Null until the file is there whole. */
  readonly file: SpoolFile | null;
  /** What multer writes with. `onRefusal` hears at once why the file cannot be put down, before multer makes anything of it. */
  engine(onRefusal: (refusal: AppError) => void): StorageEngine;
  /** Receives the file from a stream that is not a part of a form. */
  fill(stream: Readable): Promise<void>;
  /** Removes the file and gives the room back; never fails. */
  discard(): Promise<void>;
};

export type Spool = {
  /** Bytes that are set aside for uploads. */
  readonly bytesInFlight: number;
  /** Sets room aside for `bytes`, or for the largest file when nobody said how many; throws `overloaded`. */
  reserve(bytes: number | null): SpoolPlace;
  close(): void;
};

/** A live upload ends within a minute, so what is older was left behind, by whomever. */
const STALE_AFTER_MS = 600_000;
const CLEAN_EVERY_MS = 60_000;
/** A trip to the disk costs more than holding a few chunks of 64 KiB, of which most images have no more than these. */
const WRITE_BYTES = 262_144;
/** The largest file, and the byte more by which multer knows one that is too large. */
const LARGEST_BYTES = MAX_IMAGE_BYTES + 1;

/**
 * Uploads on their way to the object store. On disk and not in memory, because memory is parallel uploads times their
 * size; on the store's own file system, so that storing is a link. Room is set aside before the first byte is read:
 * counted as they come, many uploads at once would all be let in and then all be refused half way.
 */
export async function openSpool(
  dir: string,
  maxBytesInFlight: number,
  onError: (error: Error) => void,
): Promise<Spool> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const owner = await readSpoolOwner();
  await removeLeftFiles(dir, owner);
  const cleaning = setInterval(() => void removeLeftFiles(dir, owner).catch(onError), CLEAN_EVERY_MS).unref();
  let inFlight = 0;

  return {
    get bytesInFlight() {
      return inFlight;
    },
    reserve(bytes) {
      let reserved = bytes ?? Math.min(LARGEST_BYTES, maxBytesInFlight);
      if (inFlight + reserved > maxBytesInFlight) throw overloaded();
      inFlight += reserved;
      const path = join(dir, prefixOf(owner) + randomUUID());
      let isDiscarded = false;
      let file: SpoolFile | null = null;
      const remove = () =>
        unlink(path).catch((error: unknown) => {
          if (!hasErrorCode(error, 'ENOENT') && !hasErrorCode(error, 'ENOTDIR')) onError(asError(error));
        });
      const receive = async (stream: Readable): Promise<void> => {
        const output = await onDisk(open(path, 'wx', 0o600));
        const hash = createHash('sha256');
        let received = 0;
        let held: Buffer[] = [];
        let heldBytes = 0;
        const writeHeld = async () => {
          const { bytesWritten } = await onDisk(output.writev(held));
          // A disk takes less than all only when it is full.
          if (bytesWritten < heldBytes)
            throw diskFails(new Error(`${bytesWritten} of ${heldBytes} bytes were written`));
          held = [];
          heldBytes = 0;
        };
        try {
          // The stream must live on: multer takes its end for the client's fault, and the rest of the form comes behind it.
          for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
            if (isDiscarded) break;
            if (received + chunk.length > reserved) throw overloaded();
            hash.update(chunk);
            received += chunk.length;
            held.push(chunk);
            heldBytes += chunk.length;
            if (heldBytes >= WRITE_BYTES) await writeHeld();
          }
          if (!isDiscarded && heldBytes > 0) await writeHeld();
        } finally {
          await onDisk(output.close());
          if (isDiscarded) await remove();
        }
        if (isDiscarded) return;
        inFlight -= reserved - received;
        reserved = received;
        file = { path, bytes: received, sha256: hash.digest('hex') };
      };
      return {
        get file() {
          return file;
        },
        engine: (onRefusal) => ({
          _handleFile(_request, { stream }, callback) {
            const work = async () => {
              try {
                await receive(stream);
              } catch (error) {
                if (error instanceof AppError) onRefusal(error);
                throw error;
              } finally {
                // Bytes that nobody reads would hold up the form, and with it the connection.
                stream.resume();
              }
              return {};
            };
            callbackify(work)(callback);
          },
          _removeFile: (_request, _file, callback) => callback(null),
        }),
        fill: receive,
        async discard() {
          if (!isDiscarded) inFlight -= reserved;
          isDiscarded = true;
          await remove();
        },
      };
    },
    close: () => clearInterval(cleaning),
  };
}

const overloaded = () =>
  new AppError('overloaded', 'Too many uploads are underway.', { headers: { 'Retry-After': '2' } });

/** Whatever the disk says is the service's trouble, not the client's. */
const onDisk = <T>(work: Promise<T>): Promise<T> =>
  work.catch((cause: unknown) => {
    throw diskFails(cause);
  });
const diskFails = (cause: unknown) =>
  new AppError('store_unavailable', 'The upload cannot be put down at the moment.', { cause });

async function removeLeftFiles(dir: string, owner: SpoolOwner): Promise<void> {
  for (const name of await readdir(dir)) {
    const path = join(dir, name);
    const found = await stat(path).catch(() => null);
    const isStale = found !== null && Date.now() - found.mtimeMs > STALE_AFTER_MS;
    if (isStale || (await isOrphan(name, owner))) await unlink(path).catch(() => undefined);
  }
}
