import { Partial as DetectorPartial } from '@touchstone/shared/contracts/partial';
import { RequestRecord } from '@touchstone/shared/contracts/request-record';
import { CNN_SLOTS, type Slot } from '@touchstone/shared/contracts/vocabulary';
import { isErased } from '@touchstone/shared/storage/erase-detection';
import { createJson, readJson } from '@touchstone/shared/storage/json-object';
import {
  erasedKey,
  partialKey,
  requestKey,
  uploadKey,
  verdictKey,
  type RevisionRef,
} from '@touchstone/shared/storage/keys';
import type { ObjectStore } from '@touchstone/shared/storage/object-store';

/** The store failed, was too slow, or does not show yet what must be there: worth a retry, never an answer. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
}

/** What a judge job reads and writes. Every method rejects with a StoreError. */
export type JudgeObjects = {
  /** Whether nobody waits for an answer: it is stored, the verdict is, or the detection was erased. */
  isSettled(ref: RevisionRef): Promise<boolean>;
  readRequest(ref: RevisionRef): Promise<RequestRecord>;
  readUpload(ref: RevisionRef): Promise<Uint8Array>;
  /** Those of the detectors among `slots` that have answered. */
  readDetectorPartials(ref: RevisionRef, slots: readonly Slot[]): Promise<DetectorPartial[]>;
  /** The first answer stands. One of an erased detection is taken back. */
  storePartial(partial: DetectorPartial): Promise<'stored' | 'existed' | 'erased'>;
};

const STORE_TIMEOUT_MS = 15_000;

export function createJudgeObjects(store: ObjectStore, timeoutMs = STORE_TIMEOUT_MS): JudgeObjects {
  const ask = async <T>(what: string, answer: Promise<T>): Promise<T> => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer in ${timeoutMs} ms`)), timeoutMs);
    });
    try {
      return await Promise.race([answer, late]);
    } catch (error) {
      throw new StoreError(`the object store failed at: ${what}`, { cause: error });
    } finally {
      clearTimeout(timer);
    }
  };
  const mustExist = <T>(what: string, value: T | null): T => {
    if (value === null) throw new StoreError(`the object store has no ${what}`);
    return value;
  };

  return {
    async isSettled(ref) {
      const keys = [erasedKey(ref.tenant, ref.id), partialKey(ref, 'llm'), verdictKey(ref)];
      const found = await ask('looking for an end', Promise.all(keys.map((key) => store.head(key))));
      return found.some((info) => info !== null);
    },
    async readRequest({ tenant, id }) {
      const record = await ask('reading the request', readJson(store, requestKey(tenant, id), RequestRecord));
      return mustExist('request record', record);
    },
    async readUpload({ tenant, id }) {
      return mustExist('upload', await ask('reading the upload', store.read(uploadKey(tenant, id))));
    },
    async readDetectorPartials(ref, slots) {
      const wanted = CNN_SLOTS.filter((slot) => slots.includes(slot));
      const reads = wanted.map((slot) => readJson(store, partialKey(ref, slot), DetectorPartial));
      return (await ask('reading partials', Promise.all(reads))).filter((partial) => partial !== null);
    },
    async storePartial(partial) {
      const key = partialKey(partial, partial.slot);
      if (!(await ask('storing a partial', createJson(store, key, DetectorPartial, partial)))) return 'existed';
      if (!(await ask('looking for a tombstone', isErased(store, partial)))) return 'stored';
      await ask('taking a partial back', store.delete(key));
      return 'erased';
    },
  };
}
