import type { MediaType } from '@touchstone/shared/contracts/request-record';
import type { CnnSlot } from '@touchstone/shared/contracts/vocabulary';
import { UndecodableImageError } from '@touchstone/imaging/undecodable-image-error';
import type { ImagePreparer, PreparedImage } from '../core/prepared-image.ts';

/** A file as it was uploaded. */
type SourceFile = { file: Uint8Array; mediaType: MediaType };

/** One fetch and one decode, shared by the slots of an image; every slot reports the time that they took. */
type SharedImage = { prepared: PreparedImage; getMs: number; prepareMs: number };

export type PreparedImageCache = {
  /**
   * Gives the image named `key` to `slot`; `users` are all slots that will ask for it in this process. The first one
   * fetches and prepares, the others wait for the same result.
   */
  take(key: string, fetch: () => Promise<SourceFile>, slot: CnnSlot, users: readonly CnnSlot[]): Promise<SharedImage>;
  close(): void;
};

type Entry = { image: Promise<SharedImage>; waitingFor: Set<CnnSlot>; bytes: number; timer: NodeJS.Timeout };

/**
 * Holds an image until all of its slots have taken it, at most `maxAgeMs`, and at most `maxBytes` of tensors in all:
 * the oldest go first. A failure is forgotten at once, except that of an image which can never be decoded.
 */
export function openPreparedImageCache(
  preparer: Pick<ImagePreparer, 'prepare'>,
  limits: { maxAgeMs: number; maxBytes: number },
): PreparedImageCache {
  const entries = new Map<string, Entry>();
  const drop = (key: string, entry: Entry) => {
    clearTimeout(entry.timer);
    if (entries.get(key) === entry) entries.delete(key);
  };
  const fit = () => {
    let total = 0;
    for (const { bytes } of entries.values()) total += bytes;
    for (const [key, entry] of entries) {
      if (total <= limits.maxBytes) return;
      if (entry.bytes === 0) continue;
      total -= entry.bytes;
      drop(key, entry);
    }
  };
  const prepare = async (fetch: () => Promise<SourceFile>): Promise<SharedImage> => {
    const startMs = performance.now();
    const { file, mediaType } = await fetch();
    const gotMs = performance.now();
    const prepared = await preparer.prepare(file, mediaType);
    return { prepared, getMs: gotMs - startMs, prepareMs: performance.now() - gotMs };
  };

  return {
    async take(key, fetch, slot, users) {
      let entry = entries.get(key);
      if (entry === undefined) {
        const made: Entry = {
          image: prepare(fetch),
          waitingFor: new Set(users),
          bytes: 0,
          timer: setTimeout(() => drop(key, made), limits.maxAgeMs).unref(),
        };
        entries.set(key, made);
        made.image.then(
          ({ prepared }) => {
            made.bytes = prepared.inputs.reduce((sum, { data }) => sum + data.byteLength, 0);
            fit();
          },
          (error: unknown) => {
            if (!(error instanceof UndecodableImageError)) drop(key, made);
          },
        );
        entry = made;
      }
      entry.waitingFor.delete(slot);
      if (entry.waitingFor.size === 0) drop(key, entry);
      return await entry.image;
    },
    close() {
      for (const [key, entry] of entries) drop(key, entry);
    },
  };
}
