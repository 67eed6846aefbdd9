import { newDetectionId, type DetectionId, type Tenant } from '@touchstone/shared/contracts/detection-id';
import { AppError } from '@touchstone/shared/contracts/failure';
import {
  IDEMPOTENCY_IN_FLIGHT_MS,
  IDEMPOTENCY_TTL_MS,
  IdempotencyRecord,
} from '@touchstone/shared/contracts/idempotency-record';
import { RequestRecord } from '@touchstone/shared/contracts/request-record';
import { settleWithin } from '@touchstone/shared/process/settle-within';
import { isErased } from '@touchstone/shared/storage/erase-detection';
import { retireIdempotencyRecord } from '@touchstone/shared/storage/idempotency-records';
import { createJson, readJson } from '@touchstone/shared/storage/json-object';
import { erasingKey, idempotencyKey, pendingKey, requestKey, verdictKey } from '@touchstone/shared/storage/keys';
import type { ObjectStore } from '@touchstone/shared/storage/object-store';
import { acceptDetection, acceptUnder, type Acceptance, type Question } from './accept-detection.ts';
import { withinStoreLimit } from './adapters/within-store-limit.ts';
import { fingerprintOf } from './core/idempotency.ts';

/** `isReplay`: the question had been accepted before, and the answer is that one. */
export type Accepted = { record: RequestRecord; isReplay: boolean };

const LOOKUP_LIMIT_MS = 15_000;
const REPETITION_LIMIT_MS = 1_000;
/** Each round but the last ends because another process was faster. */
const MAX_ROUNDS = 5;
const MAX_ABANDONED = 10_000;

/** With a key at most once, without one as a new detection each time. */
export async function acceptQuestion(
  acceptance: Acceptance,
  tenant: Tenant,
  question: Question,
  isHeld: boolean,
  keyHash: string | null,
): Promise<Accepted> {
  if (keyHash !== null) return acceptOnce(acceptance, tenant, question, isHeld, keyHash);
  return { record: await acceptDetection(acceptance, tenant, question, isHeld), isReplay: false };
}

/**
 * Accepts a question at most once per key and tenant. The record of the key is created before anything else and names
 * the detection; whoever loses the create finds the detection promised (a replay), underway (409), or left behind by a
 * process that died, and then completes it under the same id. Every put of a completion is create-only, so that any
 * number of processes may complete at once, also with the first that was only slow.
 */
export async function acceptOnce(
  acceptance: Acceptance,
  tenant: Tenant,
  question: Question,
  isHeld: boolean,
  keyHash: string,
): Promise<Accepted> {
  const { abandoned } = acceptance;
  const claim = await withinStoreLimit(
    LOOKUP_LIMIT_MS,
    'The question could not be stored.',
    claimKey(acceptance, tenant, keyHash, fingerprintOfQuestion(question)),
  );
  if ('replay' in claim) return { record: claim.replay, isReplay: true };
  const { id, accepted_ms } = claim.record;
  try {
    const naming = { id, acceptedMs: accepted_ms, keyHash };
    const record = await acceptUnder(acceptance, tenant, question, isHeld, naming);
    abandoned.delete(id);
    return { record, isReplay: false };
  } catch (error) {
    abandon(abandoned, id);
    throw error;
  }
}

/** A question, or one whose image is only announced. */
type Asked = Pick<Question, 'options' | 'callback' | 'isCallbackOurChoice'> & { image: { sha256: string } };

const fingerprintOfQuestion = ({ image, options, callback, isCallbackOurChoice }: Asked) =>
  fingerprintOf({ image, options, callback: isCallbackOurChoice === true ? undefined : callback });

/** The question that was accepted under the key before; null where `acceptOnce` has something to do. */
export function findReplay(
  { store, nowMs }: Acceptance,
  tenant: Tenant,
  question: Asked,
  keyHash: string,
): Promise<RequestRecord | null> {
  const look = async () => {
    const standing = await readJson(store, idempotencyKey(tenant, keyHash), IdempotencyRecord);
    if (standing === null || (await isFree(store, tenant, standing, nowMs()))) return null;
    assertSameQuestion(standing, fingerprintOfQuestion(question));
    return promisedRequest(store, tenant, standing.id);
  };
  return withinStoreLimit(LOOKUP_LIMIT_MS, 'The Idempotency-Key could not be looked up.', look());
}

/**
 * Whether a request with this key repeats one that was let in before: it makes no new work, so a long queue is no reason
 * to refuse it. Without an answer of the store it counts as new.
 */
export function isRepetition({ store, nowMs }: Acceptance, tenant: Tenant, keyHash: string): Promise<boolean> {
  const look = async () => {
    const standing = await readJson(store, idempotencyKey(tenant, keyHash), IdempotencyRecord);
    return standing !== null && !(await isFree(store, tenant, standing, nowMs()));
  };
  return settleWithin(REPETITION_LIMIT_MS, look(), false);
}

function abandon(abandoned: Set<DetectionId>, id: DetectionId): void {
  abandoned.add(id);
  // Sets keep the order of insertion, so the first is the oldest.
  if (abandoned.size > MAX_ABANDONED) abandoned.delete(abandoned.values().next().value!);
}

/** The record under which to accept the question now, or the question that was accepted. */
async function claimKey(
  { store, abandoned, nowMs }: Acceptance,
  tenant: Tenant,
  keyHash: string,
  fingerprint: string,
): Promise<{ record: IdempotencyRecord } | { replay: RequestRecord }> {
  const key = idempotencyKey(tenant, keyHash);
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const acceptedMs = nowMs();
    const mine: IdempotencyRecord = {
      v: 1,
      id: newDetectionId(acceptedMs),
      tenant,
      fingerprint,
      accepted_ms: acceptedMs,
    };
    const isMine = await createJson(store, key, IdempotencyRecord, mine).catch((error: unknown) => {
      // It may be stored all the same.
      abandon(abandoned, mine.id);
      throw error;
    });
    if (isMine) return { record: mine };
    const standing = await readJson(store, key, IdempotencyRecord);
    // Removed between the two looks: its time was over, or its detection was erased.
    if (standing === null) continue;
    if (await isFree(store, tenant, standing, acceptedMs)) {
      await retireIdempotencyRecord(store, tenant, keyHash, standing, acceptedMs);
      continue;
    }
    assertSameQuestion(standing, fingerprint);
    const request = await promisedRequest(store, tenant, standing.id);
    if (request !== null) return { replay: request };
    if (acceptedMs - standing.accepted_ms < IDEMPOTENCY_IN_FLIGHT_MS && !abandoned.has(standing.id)) break;
    return { record: standing };
  }
  throw inProgress();
}

/** Whether the key stands for nothing any more: its day is over, or its detection was erased. */
const isFree = async (store: ObjectStore, tenant: Tenant, standing: IdempotencyRecord, atMs: number) =>
  atMs - standing.accepted_ms >= IDEMPOTENCY_TTL_MS || (await hasBeenErased(store, tenant, standing.id));

function assertSameQuestion(standing: IdempotencyRecord, fingerprint: string): void {
  if (standing.fingerprint === fingerprint) return;
  throw new AppError('idempotency_key_reused', 'The Idempotency-Key came with another image or other options before.');
}

/** The question, once somebody was promised an answer to it. The verdict comes before the marker goes. */
async function promisedRequest(store: ObjectStore, tenant: Tenant, id: DetectionId): Promise<RequestRecord | null> {
  const ref = { tenant, id, revision: 1 };
  const request = await readJson(store, requestKey(tenant, id), RequestRecord);
  if (request === null) return null;
  const isPromised = (await store.head(pendingKey(ref))) !== null || (await store.head(verdictKey(ref))) !== null;
  return isPromised ? request : null;
}

/** Whether the key is free again. As long as the erasure goes on, it is not: a new detection could lose its record. */
async function hasBeenErased(store: ObjectStore, tenant: Tenant, id: DetectionId): Promise<boolean> {
  if (!(await isErased(store, { tenant, id }))) return false;
  if ((await store.head(erasingKey(tenant, id))) !== null) throw inProgress();
  return true;
}

const inProgress = () =>
  new AppError('idempotency_in_progress', 'The first request with this Idempotency-Key is still being accepted.', {
    headers: { 'Retry-After': '1' },
  });
