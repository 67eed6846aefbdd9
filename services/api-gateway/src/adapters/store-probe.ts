import { randomUUID } from 'node:crypto';
import type { ObjectStore } from '@touchstone/shared/storage/object-store';
import { shareRecent } from './share-recent.ts';

/** A full disk still takes the name of an empty file, so the probe has bytes that need room. */
const PROBE = Buffer.alloc(4_096, 'probe ');
const FRESH_FOR_MS = 1_000;

/**
 * Whether the store accepts a write, tried on an object that is removed at once; never fails. All who ask share one look
 * a second, each with a name of its own: what an earlier look could not remove does not get into the way of the next.
 */
export function createStoreProbe(store: ObjectStore): () => Promise<boolean> {
  return shareRecent(FRESH_FOR_MS, async () => {
    const key = `probes/${randomUUID()}`;
    try {
      return await store.create(key, PROBE);
    } catch {
      return false;
    } finally {
      await store.delete(key).catch(() => undefined);
    }
  });
}
