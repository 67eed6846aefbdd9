import { randomUUID } from 'node:crypto';
import type { ObjectStore } from '@touchstone/shared/storage/object-store';

/** Whether the store accepts a write, tried on an object of this process alone that is removed at once. */
export function createStoreProbe(store: ObjectStore): () => Promise<boolean> {
  const key = `probes/${randomUUID()}`;
  return async () => {
    // One that was left by a removal that failed would make the next create say "exists" without a write.
    await store.delete(key);
    const isWritten = await store.create(key, new Uint8Array());
    await store.delete(key);
    return isWritten;
  };
}
