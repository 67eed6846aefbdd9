import { timeOfDetectionId, type Tenant } from '@touchstone/shared/contracts/detection-id';
import { IdempotencyRecord } from '@touchstone/shared/contracts/idempotency-record';
import { UPLOAD_CLAIM_MS } from '@touchstone/shared/contracts/upload';
import { timeOfUploadId } from '@touchstone/shared/contracts/upload-id';
import { retireDetection, type DetectionRef } from '@touchstone/shared/storage/erase-detection';
import { retireIdempotencyRecord } from '@touchstone/shared/storage/idempotency-records';
import { readJson } from '@touchstone/shared/storage/json-object';
import {
  ERASED_PREFIX,
  IDEMPOTENCY_PREFIX,
  INCOMING_PREFIX,
  markerPrefixes,
  parseDetectionKey,
  parseIdempotencyKey,
  parseIncomingKey,
  pendingPrefix,
  REQUESTS_PREFIX,
  UPLOADS_PREFIX,
} from '@touchstone/shared/storage/keys';
import type { ObjectStore } from '@touchstone/shared/storage/object-store';
import { forEachOf } from './core/for-each-of.ts';

/** How long things are kept, in ms; null: for ever. */
export type Retention = { uploadMs: number | null; detectionMs: number | null; idempotencyMs: number };

/**
 * What a sweep removes: an image, a detection with all that belongs to it, a tombstone, a record of a key, an upload (or
 * the record of one) that a client put into the store itself.
 */
type ExpiredKind = 'upload' | 'detection' | 'tombstone' | 'idempotency-record' | 'incoming';

export type ExpiryDeps = {
  store: ObjectStore;
  retention: Retention;
  onRemoved: (kind: ExpiredKind) => void;
  nowMs: () => number;
  /** Goes on whatever happens to the clock on the wall. */
  uptimeMs(): number;
};

/** Keys that end with a name that tells its time. */
type TimedKeys = {
  parse: (key: string) => { tenant: Tenant; id: string } | null;
  timeOf: (id: string) => number;
};
const OF_DETECTIONS: TimedKeys = { parse: parseDetectionKey, timeOf: timeOfDetectionId };
const OF_UPLOADS: TimedKeys = { parse: parseIncomingKey, timeOf: timeOfUploadId };

const PAGE = 500;
const AT_ONCE = 8;
/** How long a round may spend on each kind: what is left over waits for the next one. */
const KIND_LIMIT_MS = 5_000;

/**
 * Removes what is older than it is to be kept. Works on any store; a bucket may have a lifecycle that does the same
 * (infra/s3). Never touches a detection whose verdict or webhook is still owed. The returned function sweeps once.
 */
export function createExpirySweeper(deps: ExpiryDeps): (mayGoOn: () => Promise<boolean>) => Promise<void> {
  const { store, retention, onRemoved, nowMs } = deps;
  let keysAfter: string | null = null;

  const hasMarker = async (prefixes: string[]) => {
    const lists = await Promise.all(prefixes.map((prefix) => store.list(prefix, null, 1)));
    return lists.some((list) => list.length > 0);
  };
  const removeUpload = async ({ tenant, id }: DetectionRef, key: string) => {
    if (await hasMarker([pendingPrefix(tenant, id)])) return;
    await store.delete(key);
    onRemoved('upload');
  };
  const removeDetection = async (ref: DetectionRef) => {
    if (await hasMarker(markerPrefixes(ref.tenant, ref.id))) return;
    await retireDetection(store, ref, nowMs());
    onRemoved('detection');
  };
  const removeIncoming = async (_ref: unknown, key: string) => {
    await store.delete(key);
    onRemoved('incoming');
  };
  /** Once more all that belongs to it: a writer may have died between its put and its look for the tombstone. */
  const removeTombstone = async (ref: DetectionRef, key: string) => {
    await retireDetection(store, ref, nowMs());
    await store.delete(key);
    onRemoved('tombstone');
  };

  /** Ids sort by time, so behind the first young one of a tenant only the next tenant is of interest. */
  const sweepByTime = async (
    { parse, timeOf }: TimedKeys,
    prefix: string,
    keptMs: number,
    mayGoOn: () => Promise<boolean>,
    remove: (ref: DetectionRef, key: string) => Promise<void>,
  ) => {
    const beforeMs = nowMs() - keptMs;
    for (let after: string | null = null; await mayGoOn();) {
      const page = await store.list(prefix, after, PAGE);
      const refs = page.map(({ key, modifiedMs }) => ({ key, modifiedMs, ref: parse(key) }));
      const young = refs.find(({ ref }) => ref !== null && timeOf(ref.id) >= beforeMs);
      // A repeated request may have stored it long after its id was made.
      const old = refs
        .slice(0, young === undefined ? refs.length : refs.indexOf(young))
        .filter(({ modifiedMs }) => modifiedMs < beforeMs);
      await forEachOf(old, AT_ONCE, mayGoOn, async ({ ref, key }) => {
        if (ref !== null) await remove(ref, key);
      });
      if (young === undefined && page.length < PAGE) return;
      // `0` comes next after `/`, so this passes over the rest of the tenant.
      after = young?.ref ? `${prefix}${young.ref.tenant}0` : page.at(-1)!.key;
    }
  };

  /** Keys sort by nothing, so all are looked at, over several rounds if need be. */
  const sweepKeys = async (mayGoOn: () => Promise<boolean>) => {
    const beforeMs = nowMs() - retention.idempotencyMs;
    while (await mayGoOn()) {
      const page = await store.list(IDEMPOTENCY_PREFIX, keysAfter, PAGE);
      const old = page.filter(({ modifiedMs }) => modifiedMs < beforeMs);
      await forEachOf(old, AT_ONCE, mayGoOn, async ({ key }) => {
        const name = parseIdempotencyKey(key);
        if (name === null) return;
        if (name.isRetirement) await store.delete(key);
        else await removeRecord(key, name.tenant, name.keyHash);
      });
      keysAfter = page.length < PAGE ? null : page.at(-1)!.key;
      if (keysAfter === null) return;
    }
  };
  const removeRecord = async (key: string, tenant: string, keyHash: string) => {
    const record = await readJson(store, key, IdempotencyRecord);
    if (record === null) return;
    if (await retireIdempotencyRecord(store, tenant, keyHash, record, nowMs())) onRemoved('idempotency-record');
  };

  return async (mayGoOn) => {
    const limited = () => {
      const endMs = deps.uptimeMs() + KIND_LIMIT_MS;
      return async () => deps.uptimeMs() < endMs && (await mayGoOn());
    };
    const { uploadMs, detectionMs } = retention;
    if (uploadMs !== null) await sweepByTime(OF_DETECTIONS, UPLOADS_PREFIX, uploadMs, limited(), removeUpload);
    if (detectionMs !== null) {
      await sweepByTime(OF_DETECTIONS, REQUESTS_PREFIX, detectionMs, limited(), removeDetection);
      await sweepByTime(OF_DETECTIONS, ERASED_PREFIX, detectionMs, limited(), removeTombstone);
    }
    // A repeated request under a key finds what it is a repetition of as long as the key counts.
    const incomingMs = retention.idempotencyMs + UPLOAD_CLAIM_MS;
    await sweepByTime(OF_UPLOADS, INCOMING_PREFIX, incomingMs, limited(), removeIncoming);
    await sweepKeys(limited());
  };
}
