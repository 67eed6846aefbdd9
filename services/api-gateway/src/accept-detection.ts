import { newDetectionId, type Tenant } from '@touchstone/shared/contracts/detection-id';
import { AppError } from '@touchstone/shared/contracts/failure';
import { PendingMarker, RequestRecord, type DetectionOptions } from '@touchstone/shared/contracts/request-record';
import type { Slot } from '@touchstone/shared/contracts/vocabulary';
import { createJson } from '@touchstone/shared/storage/json-object';
import { indexKey, pendingKey, requestKey, uploadKey } from '@touchstone/shared/storage/keys';
import type { ObjectStore } from '@touchstone/shared/storage/object-store';
import type { FlowProducer } from './adapters/flow-producer.ts';
import { settleWithin } from './adapters/settle-within.ts';

/** An inspected upload: everything that the request record will say, but for its name and time. */
export type Question = {
  file: { path: string; bytes: number; sha256: string };
  image: RequestRecord['image'];
  options: DetectionOptions;
  slots: Slot[];
};

export type Acceptance = {
  store: ObjectStore;
  enqueue: FlowProducer;
  nowMs(): number;
};

/** Goes first in the queue when a client holds the line for the answer; contract.md section 1. */
const HELD_PRIORITY = 1;
const USUAL_PRIORITY = 10;
const STORE_LIMIT_MS = 30_000;
const WITHDRAW_LIMIT_MS = 1_000;

/**
 * Makes a question the service's own. Order of writes, contract.md section 1: (idempotency record, with its own issue) ->
 * upload -> request -> index -> pending -> enqueue. The promise is the pending marker: whatever fails before it leaves
 * objects that nobody was promised, whatever fails after it is mended by the sweeper.
 */
export async function acceptDetection(
  acceptance: Acceptance,
  tenant: Tenant,
  question: Question,
  isHeld: boolean,
): Promise<RequestRecord> {
  const acceptedMs = acceptance.nowMs();
  const record: RequestRecord = {
    v: 1,
    id: newDetectionId(acceptedMs),
    tenant,
    accepted_at: new Date(acceptedMs).toISOString(),
    image: question.image,
    options: question.options,
    slots: question.slots,
    priority: isHeld ? HELD_PRIORITY : USUAL_PRIORITY,
  };
  await storeQuestion(acceptance.store, record, question.file, acceptedMs);
  const { id, slots, priority } = record;
  await acceptance.enqueue({ tenant, id, revision: 1, slots }, priority);
  return record;
}

async function storeQuestion(
  store: ObjectStore,
  record: RequestRecord,
  file: Question['file'],
  acceptedMs: number,
): Promise<void> {
  const { tenant, id } = record;
  const marker: PendingMarker = { tenant, id, revision: 1 };
  const steps: (() => Promise<boolean>)[] = [
    () => store.create(uploadKey(tenant, id), file),
    () => createJson(store, requestKey(tenant, id), RequestRecord, record),
    () => store.create(indexKey(tenant, id, acceptedMs), new Uint8Array()),
    () => createJson(store, pendingKey(marker), PendingMarker, marker),
  ];
  let failure: unknown = new Error('the object store did not answer in time');
  // An entry without its marker would show in the list as queued, and nobody would ever take it up.
  const withdraw = () => settleWithin(WITHDRAW_LIMIT_MS, store.delete(indexKey(tenant, id, acceptedMs)), undefined);
  const deadlineMs = performance.now() + STORE_LIMIT_MS;
  for (const step of steps) {
    const attempt = step().catch((error: unknown) => {
      failure = error;
      throw error;
    });
    const outcome = await settleWithin(deadlineMs - performance.now(), attempt, null);
    if (outcome === null) {
      await withdraw();
      throw new AppError('store_unavailable', 'The question could not be stored.', { cause: failure });
    }
    if (!outcome) throw new Error('an object of a new detection id exists already');
  }
}
