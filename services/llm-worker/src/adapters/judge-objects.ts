import { Partial as DetectorPartial } from '@touchstone/shared/contracts/partial';
import { CNN_SLOTS, type Slot } from '@touchstone/shared/contracts/vocabulary';
import { readJson } from '@touchstone/shared/storage/json-object';
import { erasedKey, partialKey, verdictKey, type RevisionRef } from '@touchstone/shared/storage/keys';
import type { ObjectStore } from '@touchstone/shared/storage/object-store';
import { createSlotObjects, type SlotObjects } from '@touchstone/shared/storage/slot-objects';

/** What a judge job reads and writes. Every method rejects with a StoreError. */
export type JudgeObjects = Pick<SlotObjects, 'readRequest' | 'readUpload' | 'storePartial'> & {
  /** Whether nobody waits for an answer: it is stored, the verdict is, or the detection was erased. */
  isSettled(ref: RevisionRef): Promise<boolean>;
  /** Those of the detectors among `slots` that have answered. */
  readDetectorPartials(ref: RevisionRef, slots: readonly Slot[]): Promise<DetectorPartial[]>;
};

export function createJudgeObjects(store: ObjectStore, timeoutMs?: number): JudgeObjects {
  const { ask, ...objects } = createSlotObjects(store, timeoutMs);
  return {
    ...objects,
    async isSettled(ref) {
      const keys = [erasedKey(ref.tenant, ref.id), partialKey(ref, 'llm'), verdictKey(ref)];
      const found = await ask('looking for an end', Promise.all(keys.map((key) => store.head(key))));
      return found.some((info) => info !== null);
    },
    async readDetectorPartials(ref, slots) {
      const wanted = CNN_SLOTS.filter((slot) => slots.includes(slot));
      const reads = wanted.map((slot) => readJson(store, partialKey(ref, slot), DetectorPartial));
      return (await ask('reading partials', Promise.all(reads))).filter((partial) => partial !== null);
    },
  };
}
