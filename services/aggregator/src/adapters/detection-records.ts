import { Partial } from '@touchstone/shared/contracts/partial';
import { PendingMarker, RequestRecord } from '@touchstone/shared/contracts/request-record';
import { VerdictRecord } from '@touchstone/shared/contracts/verdict-record';
import type { Slot } from '@touchstone/shared/contracts/vocabulary';
import { isErased } from '@touchstone/shared/storage/erase-detection';
import { createJson, createJsonOrRead, readJson } from '@touchstone/shared/storage/json-object';
import {
  partialKey,
  pendingKey,
  requestKey,
  undeliveredKey,
  verdictKey,
  type RevisionRef,
} from '@touchstone/shared/storage/keys';
import type { ObjectStore } from '@touchstone/shared/storage/object-store';

/** What the aggregator reads and writes of one revision. */
export type DetectionRecords = {
  request(ref: RevisionRef): Promise<RequestRecord | null>;
  verdict(ref: RevisionRef): Promise<VerdictRecord | null>;
  /** Those that are stored, in no particular order. */
  partials(ref: RevisionRef, slots: Slot[], options?: { unreadable: 'absent' | 'error' }): Promise<Partial[]>;
  /** Stores the verdict, or gives back the one that another writer stored first. */
  keepVerdict(record: VerdictRecord): Promise<{ value: VerdictRecord; isNew: boolean }>;
  dropVerdict(ref: RevisionRef): Promise<void>;
  isErased(ref: RevisionRef): Promise<boolean>;
  isPending(ref: RevisionRef): Promise<boolean>;
  settle(ref: RevisionRef): Promise<void>;
  /** Makes the promise that the receiver of this revision is going to be told. */
  oweDelivery(ref: RevisionRef): Promise<void>;
  owesDelivery(ref: RevisionRef): Promise<boolean>;
  settleDelivery(ref: RevisionRef): Promise<void>;
};

export function createDetectionRecords(store: ObjectStore): DetectionRecords {
  return {
    request: (ref) => readJson(store, requestKey(ref.tenant, ref.id), RequestRecord),
    verdict: (ref) => readJson(store, verdictKey(ref), VerdictRecord),
    async partials(ref, slots, options) {
      const read = (slot: Slot) =>
        readJson(store, partialKey(ref, slot), Partial).catch((error: unknown) => {
          if (options?.unreadable === 'absent') return null;
          throw error;
        });
      const found = await Promise.all(slots.map(read));
      return found.filter((partial) => partial !== null);
    },
    keepVerdict: (record) => createJsonOrRead(store, verdictKey(record), VerdictRecord, record),
    dropVerdict: (ref) => store.delete(verdictKey(ref)),
    isErased: (ref) => isErased(store, ref),
    isPending: async (ref) => (await store.head(pendingKey(ref))) !== null,
    settle: (ref) => store.delete(pendingKey(ref)),
    async oweDelivery({ tenant, id, revision }) {
      await createJson(store, undeliveredKey({ tenant, id, revision }), PendingMarker, { tenant, id, revision });
    },
    owesDelivery: async (ref) => (await store.head(undeliveredKey(ref))) !== null,
    settleDelivery: (ref) => store.delete(undeliveredKey(ref)),
  };
}
