import { timeOfDetectionId, type DetectionId, type Tenant } from '../contracts/detection-id.ts';
import { ErasingMarker, Tombstone } from '../contracts/erasure.ts';
import { IdempotencyRecord } from '../contracts/idempotency-record.ts';
import { RequestRecord } from '../contracts/request-record.ts';
import type { UploadId } from '../contracts/upload-id.ts';
import { EndpointId, ONCE, type Receiver } from '../contracts/webhook.ts';
import { retireIdempotencyRecord } from './idempotency-records.ts';
import { createJson, readJson } from './json-object.ts';
import {
  endpointsPrefix,
  erasedKey,
  erasingKey,
  idempotencyKey,
  incomingKey,
  indexKey,
  markerPrefixes,
  partialsPrefix,
  receiverPrefix,
  requestKey,
  retirementKey,
  uploadKey,
  uploadRecordKey,
  verdictsPrefix,
} from './keys.ts';
import type { ObjectStore } from './object-store.ts';

export type DetectionRef = { tenant: Tenant; id: DetectionId };

/** What the names of a detection's jobs are made of. */
export type JobsOfDetection = { id: DetectionId; revisions: number[]; receivers: Receiver[] };

export type EraseDeps = {
  store: ObjectStore;
  /**
   * Makes Redis forget the detection and wakes who waits for it; `isForgotten` is false when that is left to a later
   * call. `wasHeld`: workers had jobs of it, and may have written something since.
   */
  forget(ref: DetectionRef, jobs: JobsOfDetection): Promise<{ isForgotten: boolean; wasHeld: boolean }>;
  nowMs(): number;
};

const PAGE = 500;
const AT_ONCE = 16;

/** Whether there is anything that a client could want erased, or an erasure that was cut short. */
export async function isErasable(store: ObjectStore, { tenant, id }: DetectionRef): Promise<boolean> {
  const keys = [requestKey(tenant, id), erasingKey(tenant, id)];
  const found = await Promise.all(keys.map((key) => store.head(key)));
  return found.some((info) => info !== null);
}

export const isErased = async (store: ObjectStore, { tenant, id }: DetectionRef): Promise<boolean> =>
  (await store.head(erasedKey(tenant, id))) !== null;

/**
 * Erases a detection from the record and from Redis, and leaves its tombstone. May be repeated, run by several at once
 * and cut short anywhere: the `erasing` marker comes first and goes last, and as long as it stands somebody (a repeated
 * DELETE, the aggregator) runs this again. Writers that are underway look for the tombstone after their put and take
 * back what they wrote.
 */
export async function eraseDetection(deps: EraseDeps, ref: DetectionRef): Promise<void> {
  const { store } = deps;
  const { tenant, id } = ref;
  const marker = await openErasure(store, ref);
  const tombstone: Tombstone = { v: 1, id, tenant, erased_at: new Date(deps.nowMs()).toISOString() };
  await createJson(store, erasedKey(tenant, id), Tombstone, tombstone);
  const receivers = await receiversOf(store, tenant);
  const eraseAll = () => removeDetection(store, ref, receivers, tracesOf(marker), deps.nowMs());
  let isGone = await eraseAll();
  const { isForgotten, wasHeld } = await deps.forget(ref, { id, revisions: marker.revisions, receivers });
  if (wasHeld) isGone = await eraseAll();
  if (isForgotten && isGone) await store.delete(erasingKey(tenant, id));
}

async function openErasure(store: ObjectStore, ref: DetectionRef): Promise<ErasingMarker> {
  const { tenant, id } = ref;
  const standing = await readJson(store, erasingKey(tenant, id), ErasingMarker);
  if (standing !== null) return standing;
  const [revisions, { keyHash, uploadId }] = await Promise.all([revisionsOf(store, ref), readTraces(store, ref)]);
  const marker: ErasingMarker = {
    v: 1,
    id,
    tenant,
    revisions,
    idempotency_key_sha256: keyHash,
    ...(uploadId === null ? {} : { upload_id: uploadId }),
  };
  await createJson(store, erasingKey(tenant, id), ErasingMarker, marker);
  return marker;
}

/** What belongs to a detection under names that are not its own; the request tells them. */
type Traces = { keyHash: string | null; uploadId: UploadId | null };

const tracesOf = (
  from: { idempotency_key_sha256?: string | null | undefined; upload_id?: UploadId | undefined } | null,
) => ({
  keyHash: from?.idempotency_key_sha256 ?? null,
  uploadId: from?.upload_id ?? null,
});

/** A record that cannot be read is erased like any other. */
async function readTraces(store: ObjectStore, { tenant, id }: DetectionRef): Promise<Traces> {
  return tracesOf(await readJson(store, requestKey(tenant, id), RequestRecord).catch(() => null));
}

const prefixesOf = ({ tenant, id }: DetectionRef) => [
  ...markerPrefixes(tenant, id),
  partialsPrefix(tenant, id),
  verdictsPrefix(tenant, id),
];

async function revisionsOf(store: ObjectStore, ref: DetectionRef): Promise<number[]> {
  const lists = await Promise.all(prefixesOf(ref).map((prefix) => store.list(prefix, null, PAGE)));
  const seen = lists.flat().map(({ key }) => Number(/[./]r(\d{1,6})(?:[./]|$)/.exec(key)?.[1] ?? 1));
  return [...new Set([1, ...seen])].toSorted((a, b) => a - b);
}

/** Everyone who may have been told: an endpoint that was removed still has its last version. */
async function receiversOf(store: ObjectStore, tenant: Tenant): Promise<Receiver[]> {
  const prefix = endpointsPrefix(tenant);
  const found = new Set<Receiver>([ONCE]);
  for (let after: string | null = null; ;) {
    const page = await store.list(prefix, after, PAGE);
    for (const { key } of page) {
      const endpoint = EndpointId.safeParse(key.slice(prefix.length).split('/')[0]);
      if (endpoint.success) found.add(endpoint.data);
    }
    if (page.length < PAGE) return [...found];
    after = page.at(-1)!.key;
  }
}

/**
 * Removes every object of a detection but the traces of its erasure. The request goes before the image, so that its id
 * answers 404 from then on; markers go first, so that nobody takes it up any more. False: the record of its
 * idempotency key is another process's to remove, and may be there still.
 */
async function removeDetection(
  store: ObjectStore,
  ref: DetectionRef,
  receivers: Receiver[],
  { keyHash, uploadId }: Traces,
  nowMs: number,
): Promise<boolean> {
  const { tenant, id } = ref;
  for (const prefix of markerPrefixes(tenant, id)) await removeAllOf(store, prefix);
  await Promise.all([
    store.delete(requestKey(tenant, id)),
    store.delete(indexKey(tenant, id, timeOfDetectionId(id))),
    store.delete(uploadKey(tenant, id)),
    ...(uploadId === null ? [] : [incomingKey(tenant, uploadId), uploadRecordKey(tenant, uploadId)]).map((key) =>
      store.delete(key),
    ),
  ]);
  const prefixes = [
    partialsPrefix(tenant, id),
    verdictsPrefix(tenant, id),
    ...receivers.map((receiver) => `${receiverPrefix(tenant, receiver)}${id}/`),
  ];
  await Promise.all(prefixes.map((prefix) => removeAllOf(store, prefix)));
  if (keyHash === null) return true;
  const record = await readJson(store, idempotencyKey(tenant, keyHash), IdempotencyRecord);
  if (record?.id === id && !(await retireIdempotencyRecord(store, tenant, keyHash, { id }, nowMs))) return false;
  await store.delete(retirementKey(tenant, keyHash, id));
  return true;
}

async function removeAllOf(store: ObjectStore, prefix: string): Promise<void> {
  for (;;) {
    const page = await store.list(prefix, null, PAGE);
    for (let at = 0; at < page.length; at += AT_ONCE) {
      await Promise.all(page.slice(at, at + AT_ONCE).map(({ key }) => store.delete(key)));
    }
    if (page.length < PAGE) return;
  }
}

/** Removes a detection whose time is over. Nothing of it is underway, so nobody needs a tombstone. */
export async function retireDetection(store: ObjectStore, ref: DetectionRef, nowMs: number): Promise<void> {
  const [receivers, traces] = await Promise.all([receiversOf(store, ref.tenant), readTraces(store, ref)]);
  await removeDetection(store, ref, receivers, traces, nowMs);
}
