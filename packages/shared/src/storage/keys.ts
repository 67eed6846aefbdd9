import { createHash } from 'node:crypto';
import type { DetectionId, Tenant } from '../contracts/detection-id.ts';
import type { UploadId } from '../contracts/upload-id.ts';
import type { Slot } from '../contracts/vocabulary.ts';
import type { EndpointId, Receiver } from '../contracts/webhook.ts';

/** One revision of one detection: what every key, job id and payload is made of. */
export type RevisionRef = { tenant: Tenant; id: DetectionId; revision: number };

/** Keys of the object store. Layout: contract.md section 1. */
export const uploadKey = (tenant: Tenant, id: DetectionId) => `uploads/${tenant}/${id}`;
export const requestKey = (tenant: Tenant, id: DetectionId) => `requests/${tenant}/${id}.json`;
export const partialKey = ({ tenant, id, revision }: RevisionRef, slot: Slot) =>
  `partials/${tenant}/${id}/r${revision}/${slot}.json`;
export const verdictKey = ({ tenant, id, revision }: RevisionRef) => `verdicts/${tenant}/${id}/r${revision}.json`;
export const partialsPrefix = (tenant: Tenant, id: DetectionId) => `partials/${tenant}/${id}/`;
export const verdictsPrefix = (tenant: Tenant, id: DetectionId) => `verdicts/${tenant}/${id}/`;
export const erasedKey = (tenant: Tenant, id: DetectionId) => `erased/${tenant}/${id}`;
/** Marker: an erasure has begun and something of it may be left. Removed last. */
export const ERASING_PREFIX = 'erasing/';
export const erasingKey = (tenant: Tenant, id: DetectionId) => `${ERASING_PREFIX}${tenant}/${id}`;

/** Two hex digits that spread markers over 256 listings. */
const shardOf = (id: DetectionId) => createHash('sha256').update(id).digest('hex').slice(0, 2);

const markerKey = (prefix: string, { tenant, id, revision }: RevisionRef) =>
  `${prefix}${shardOf(id)}/${tenant}/${id}.r${revision}`;

export const PENDING_PREFIX = 'pending/';
export const pendingKey = (ref: RevisionRef) => markerKey(PENDING_PREFIX, ref);
export const UNDELIVERED_PREFIX = 'undelivered/';
export const undeliveredKey = (ref: RevisionRef) => markerKey(UNDELIVERED_PREFIX, ref);

/** Prefixes of the markers of all revisions. */
export const markerPrefixes = (tenant: Tenant, id: DetectionId): string[] =>
  [PENDING_PREFIX, UNDELIVERED_PREFIX].map((prefix) => `${prefix}${shardOf(id)}/${tenant}/${id}.r`);
export const pendingPrefix = (tenant: Tenant, id: DetectionId) => markerPrefixes(tenant, id)[0]!;

/** Where a client puts an image itself; it becomes a detection's by a copy, and is then removed. */
export const INCOMING_PREFIX = 'incoming/';
export const incomingKey = (tenant: Tenant, id: UploadId) => `${INCOMING_PREFIX}${tenant}/${id}`;
/** What was announced of it. */
export const uploadRecordKey = (tenant: Tenant, id: UploadId) => `${incomingKey(tenant, id)}.json`;

/** Reads either of them back; null for a key that is neither. */
export function parseIncomingKey(key: string): { tenant: Tenant; id: UploadId } | null {
  const match = /^incoming\/([a-z0-9-]+)\/(upl_[0-9a-f]{32})(?:\.json)?$/.exec(key);
  return match ? { tenant: match[1]!, id: match[2]! } : null;
}

/** Beneath these, keys are sorted by tenant and then by the time of the detection. */
export const UPLOADS_PREFIX = 'uploads/';
export const REQUESTS_PREFIX = 'requests/';
export const ERASED_PREFIX = 'erased/';

/** Reads the key of an object that there is once per detection back; null for a key that is none. */
export function parseDetectionKey(key: string): { tenant: Tenant; id: DetectionId } | null {
  const match = /^(?:uploads|requests|erased|erasing)\/([a-z0-9-]+)\/(det_[0-9a-f]{32})(?:\.json)?$/.exec(key);
  return match ? { tenant: match[1]!, id: match[2]! } : null;
}

/** Reads the key of a marker of either kind back; null for a key that is none. */
export function parseMarkerKey(key: string): RevisionRef | null {
  const match = /^(?:pending|undelivered)\/[0-9a-f]{2}\/([a-z0-9-]+)\/(det_[0-9a-f]{32})\.r(\d{1,6})$/.exec(key);
  return match ? { tenant: match[1]!, id: match[2]!, revision: Number(match[3]) } : null;
}

const INDEX_EPOCH = 9_999_999_999_999;
export const indexPrefix = (tenant: Tenant) => `index/${tenant}/`;

/** Where in the index detections of this time begin; it sorts newest first, because LIST sorts ascending. */
export const indexPosition = (acceptedMs: number) => String(INDEX_EPOCH - acceptedMs).padStart(13, '0');
export const indexKey = (tenant: Tenant, id: DetectionId, acceptedMs: number) =>
  `${indexPrefix(tenant)}${indexPosition(acceptedMs)}-${id}`;

/** The detection id that an index key names; null for a key that is none. */
export function idOfIndexKey(key: string): DetectionId | null {
  return /-(det_[0-9a-f]{32})$/.exec(key)?.[1] ?? null;
}

export const endpointsPrefix = (tenant: Tenant) => `endpoints/${tenant}/`;
export const endpointPrefix = (tenant: Tenant, id: EndpointId) => `${endpointsPrefix(tenant)}${id}/`;
export const endpointKey = (tenant: Tenant, id: EndpointId, version: number) =>
  `${endpointPrefix(tenant, id)}${String(version).padStart(6, '0')}.json`;

export const receiverPrefix = (tenant: Tenant, receiver: Receiver) => `deliveries/${tenant}/${receiver}/`;
export const deliveriesPrefix = (receiver: Receiver, { tenant, id, revision }: RevisionRef) =>
  `${receiverPrefix(tenant, receiver)}${id}/r${revision}/`;
/** Attempts are padded, so that LIST gives them in order. */
export const deliveryKey = (receiver: Receiver, ref: RevisionRef, attempt: number) =>
  `${deliveriesPrefix(receiver, ref)}${String(attempt).padStart(4, '0')}.json`;

/** Reads the key of a delivery record back; null for a key that is none. */
export function parseDeliveryKey(key: string): { id: DetectionId; revision: number; attempt: number } | null {
  const match = /^deliveries\/[a-z0-9-]+\/\w+\/(det_[0-9a-f]{32})\/r(\d{1,6})\/(\d{4,})\.json$/.exec(key);
  return match ? { id: match[1]!, revision: Number(match[2]), attempt: Number(match[3]) } : null;
}

export const IDEMPOTENCY_PREFIX = 'idem/';
/** `keyHash`: sha256 of the `Idempotency-Key` as 64 hex digits. */
export const idempotencyKey = (tenant: Tenant, keyHash: string) => `idem/${tenant}/${keyHash}`;
/** Created before the record that names `id` is removed: see `retireIdempotencyRecord`. */
export const retirementKey = (tenant: Tenant, keyHash: string, id: DetectionId) =>
  `${idempotencyKey(tenant, keyHash)}.${id}`;

/** Reads the key of a record or of a retirement back; null for a key that is neither. */
export function parseIdempotencyKey(key: string): { tenant: Tenant; keyHash: string; isRetirement: boolean } | null {
  const match = /^idem\/([a-z0-9-]+)\/([0-9a-f]{64})(\.det_[0-9a-f]{32})?$/.exec(key);
  return match ? { tenant: match[1]!, keyHash: match[2]!, isRetirement: match[3] !== undefined } : null;
}
