import { Partial as DetectorPartial } from '../contracts/partial.ts';
import { RequestRecord } from '../contracts/request-record.ts';
import type { Slot } from '../contracts/vocabulary.ts';
import { isErased } from './erase-detection.ts';
import { createJson, readJson } from './json-object.ts';
import { partialKey, requestKey, uploadKey, type RevisionRef } from './keys.ts';
import type { ObjectStore } from './object-store.ts';

/** The store failed, was too slow, or does not show yet what must be there: worth a retry, never an answer. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
}

/** What every worker reads and writes that answers for a slot. Every method rejects with a StoreError. */
export type SlotObjects = {
  /** Waits for the store no longer than the limit; `what` names the call in the error. */
  ask: <T>(what: string, answer: Promise<T>) => Promise<T>;
  isErased(ref: RevisionRef): Promise<boolean>;
  readRequest(ref: RevisionRef): Promise<RequestRecord>;
  readUpload(ref: RevisionRef): Promise<Uint8Array>;
  /** The first answer stands. One of an erased detection is taken back. */
  storePartial(partial: DetectorPartial & { slot: Slot }): Promise<'stored' | 'existed' | 'erased'>;
};

const STORE_TIMEOUT_MS = 15_000;

export function createSlotObjects(store: ObjectStore, timeoutMs = STORE_TIMEOUT_MS): SlotObjects {
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
  const hasTombstone = (ref: RevisionRef) => ask('looking for a tombstone', isErased(store, ref));

  return {
    ask,
    isErased: hasTombstone,
    async readRequest({ tenant, id }) {
      const record = await ask('reading the request', readJson(store, requestKey(tenant, id), RequestRecord));
      return mustExist('request record', record);
    },
    async readUpload({ tenant, id }) {
      return mustExist('upload', await ask('reading the upload', store.read(uploadKey(tenant, id))));
    },
    async storePartial(partial) {
      const key = partialKey(partial, partial.slot);
      if (!(await ask('storing a partial', createJson(store, key, DetectorPartial, partial)))) return 'existed';
      if (!(await hasTombstone(partial))) return 'stored';
      await ask('taking a partial back', store.delete(key));
      return 'erased';
    },
  };
}
