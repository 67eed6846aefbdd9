import { newDetectionId, type DetectionId, type Tenant } from '@touchstone/shared/contracts/detection-id';
import { AppError } from '@touchstone/shared/contracts/failure';
import { PendingMarker, RequestRecord, type DetectionOptions } from '@touchstone/shared/contracts/request-record';
import type { Slot } from '@touchstone/shared/contracts/vocabulary';
import type { UploadId } from '@touchstone/shared/contracts/upload-id';
import type { Callback } from '@touchstone/shared/contracts/webhook';
import { settleWithin } from '@touchstone/shared/process/settle-within';
import { isErased, type DetectionRef } from '@touchstone/shared/storage/erase-detection';
import { encodeJson, readJson } from '@touchstone/shared/storage/json-object';
import { indexKey, pendingKey, requestKey, uploadKey } from '@touchstone/shared/storage/keys';
import type { ObjectStore } from '@touchstone/shared/storage/object-store';
import type { FlowProducer } from './adapters/flow-producer.ts';
import { withinStoreLimit } from './adapters/within-store-limit.ts';

/** An inspected upload: everything that the request record will say, but for its name and time. */
export type Question = {
  file: { path: string; bytes: number; sha256: string };
  image: RequestRecord['image'];
  options: DetectionOptions;
  slots: Slot[];
  /** Absent when nobody is to be told. */
  callback?: Callback | undefined;
  /** Whether the client left the choice to us: then another default tomorrow does not make it another question. */
  isCallbackOurChoice?: boolean;
  /** Where the client put the image into the store itself. */
  uploadId?: UploadId;
};

export type Acceptance = {
  store: ObjectStore;
  enqueue: FlowProducer;
  /** Erases a detection that somebody erased while it was being accepted. */
  erase(ref: DetectionRef): Promise<unknown>;
  /** Keyed detections whose acceptance failed in this process: whoever repeats the request may complete them at once. */
  abandoned: Set<DetectionId>;
  nowMs: () => number;
};

/** The name under which a question is stored. */
export type Naming = {
  id: DetectionId;
  acceptedMs: number;
  /** sha256 of the `Idempotency-Key` that may bring others to store the same question under the same id; else null. */
  keyHash: string | null;
};

/** Goes first in the queue when a client holds the line for the answer; contract.md section 1. */
const HELD_PRIORITY = 1;
const USUAL_PRIORITY = 10;
const STORE_LIMIT_MS = 30_000;
const WITHDRAW_LIMIT_MS = 1_000;

/** Makes a question the service's own, under a name that nobody else uses. */
export function acceptDetection(
  acceptance: Acceptance,
  tenant: Tenant,
  question: Question,
  isHeld: boolean,
): Promise<RequestRecord> {
  const acceptedMs = acceptance.nowMs();
  return acceptUnder(acceptance, tenant, question, isHeld, {
    id: newDetectionId(acceptedMs),
    acceptedMs,
    keyHash: null,
  });
}

/**
 * Stores a question and enqueues it. Order of writes, contract.md section 1: (idempotency record: `acceptOnce`) ->
 * upload -> request -> index -> pending -> enqueue. The promise is the pending marker: whatever fails before it leaves
 * objects that nobody was promised, whatever fails after it is mended by the sweeper. Returns the record that stands.
 */
export async function acceptUnder(
  acceptance: Acceptance,
  tenant: Tenant,
  question: Question,
  isHeld: boolean,
  naming: Naming,
): Promise<RequestRecord> {
  const { id, acceptedMs, keyHash } = naming;
  const record: RequestRecord = {
    v: 1,
    id,
    tenant,
    accepted_at: new Date(acceptedMs).toISOString(),
    image: question.image,
    options: question.options,
    slots: question.slots,
    priority: isHeld ? HELD_PRIORITY : USUAL_PRIORITY,
    ...(question.callback === undefined ? {} : { callback: question.callback }),
    ...(keyHash === null ? {} : { idempotency_key_sha256: keyHash }),
    ...(question.uploadId === undefined ? {} : { upload_id: question.uploadId }),
  };
  const stored = await storeQuestion(acceptance.store, record, question.file, acceptedMs);
  await acceptance.enqueue({ tenant, id, revision: 1, slots: stored.slots }, stored.priority);
  // Its id shows in the list from the index entry on, and a key gives it to others: it may have been erased meanwhile.
  if (await isErasedNow(acceptance.store, stored)) {
    await acceptance.erase({ tenant, id });
    throw new AppError('state_conflict', 'The detection was erased while it was being accepted.');
  }
  return stored;
}

/** Without an answer of the store it counts as not erased: the sweeper takes back what was left. */
const isErasedNow = (store: ObjectStore, ref: DetectionRef) =>
  settleWithin(WITHDRAW_LIMIT_MS, isErased(store, ref), false);

/** Stores everything of a question, in the order of its promise. Gives the record that stands. */
async function storeQuestion(
  store: ObjectStore,
  record: RequestRecord,
  file: Question['file'],
  acceptedMs: number,
): Promise<RequestRecord> {
  const { tenant, id } = record;
  const marker: PendingMarker = { tenant, id, revision: 1 };
  const objects = [
    { key: uploadKey(tenant, id), body: file },
    { key: requestKey(tenant, id), body: encodeJson(RequestRecord, record) },
    { key: indexKey(tenant, id, acceptedMs), body: new Uint8Array() },
    { key: pendingKey(marker), body: encodeJson(PendingMarker, marker) },
  ];
  let failure: unknown = new Error('the object store did not answer in time');
  const over = new AbortController();
  const stored = store.createInOrder(objects, over.signal).catch((error: unknown) => {
    failure = error;
    throw error;
  });
  const areNew = await settleWithin(STORE_LIMIT_MS, stored, null);
  if (areNew === null) {
    over.abort();
    // An entry without its marker would show in the list as queued, and nobody would ever take it up.
    await settleWithin(WITHDRAW_LIMIT_MS, store.delete(indexKey(tenant, id, acceptedMs)), undefined);
    throw new AppError('store_unavailable', 'The question could not be stored.', { cause: failure });
  }
  if (areNew.every(Boolean)) return record;
  if (record.idempotency_key_sha256 === undefined) throw new Error('an object of a new detection id exists already');
  // Under a key, another request may have stored the same under the same id, and its record then stands.
  const standing = readJson(store, requestKey(tenant, id), RequestRecord);
  return (await withinStoreLimit(STORE_LIMIT_MS, 'The question could not be read back.', standing)) ?? record;
}
