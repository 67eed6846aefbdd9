import type { Slot } from '@touchstone/shared/contracts/vocabulary';
import { partialKey, type RevisionRef } from '@touchstone/shared/storage/keys';
import type { ObjectStore } from '@touchstone/shared/storage/object-store';
import { createSlotObjects, type SlotObjects } from '@touchstone/shared/storage/slot-objects';

/** What a detector job reads and writes. Every method rejects with a StoreError. */
export type DetectionObjects = Omit<SlotObjects, 'ask'> & {
  hasPartial(ref: RevisionRef, slot: Slot): Promise<boolean>;
};

export function createDetectionObjects(store: ObjectStore, timeoutMs?: number): DetectionObjects {
  const { ask, ...objects } = createSlotObjects(store, timeoutMs);
  return {
    ...objects,
    hasPartial: async (ref, slot) => (await ask('looking for a partial', store.head(partialKey(ref, slot)))) !== null,
  };
}
