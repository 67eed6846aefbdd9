import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newDetectionId, type DetectionId } from '../src/contracts/detection-id.ts';
import { IdempotencyRecord } from '../src/contracts/idempotency-record.ts';
import { RequestRecord } from '../src/contracts/request-record.ts';
import { newUploadId } from '../src/contracts/upload-id.ts';
import { openDirectoryObjectStore } from '../src/storage/directory-object-store.ts';
import { eraseDetection, isErasable, type EraseDeps, type JobsOfDetection } from '../src/storage/erase-detection.ts';
import { retireIdempotencyRecord } from '../src/storage/idempotency-records.ts';
import { createJson } from '../src/storage/json-object.ts';
import {
  deliveryKey,
  endpointKey,
  erasedKey,
  erasingKey,
  idempotencyKey,
  incomingKey,
  indexKey,
  partialKey,
  pendingKey,
  requestKey,
  retirementKey,
  undeliveredKey,
  uploadKey,
  uploadRecordKey,
  verdictKey,
} from '../src/storage/keys.ts';
import type { ObjectStore } from '../src/storage/object-store.ts';

const TENANT = 'acme';
const HASH = 'b'.repeat(64);
const ENDPOINT = newDetectionId(1_000).replace('det_', 'whe_');
const nowMs = Date.now;
const nothing = new Uint8Array();

describe('erasing a detection', () => {
  let dir: string;
  let store: ObjectStore;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'erase-'));
    store = await openDirectoryObjectStore(dir);
  });
  afterEach(() => rm(dir, { recursive: true }));

  const forget: EraseDeps['forget'] = async () => ({ isForgotten: true, wasHeld: false });
  const keys = async () => (await store.list('', null, 1_000)).map(({ key }) => key);
  /** A detection with all that can belong to one, a second revision and deliveries to two receivers included. */
  const put = async (keyHash = HASH, numbers = [1, 2]): Promise<DetectionId> => {
    const acceptedMs = Date.now();
    const id = newDetectionId(acceptedMs);
    const record: RequestRecord = {
      v: 1,
      id,
      tenant: TENANT,
      accepted_at: new Date(acceptedMs).toISOString(),
      image: {
        sha256: 'd'.repeat(64),
        media_type: 'image/jpeg',
        declared_media_type: null,
        bytes: 1,
        width: 1,
        height: 1,
      },
      options: { external_id: null, detectors: ['sbi'], operating_point: null },
      slots: ['sbi'],
      priority: 10,
      idempotency_key_sha256: keyHash,
      upload_id: newUploadId(acceptedMs),
    };
    await createJson(store, requestKey(TENANT, id), RequestRecord, record);
    const named: IdempotencyRecord = { v: 1, id, tenant: TENANT, fingerprint: HASH, accepted_ms: acceptedMs };
    await createJson(store, idempotencyKey(TENANT, keyHash), IdempotencyRecord, named);
    const revisions = numbers.map((revision) => ({ tenant: TENANT, id, revision }));
    const others = [
      uploadKey(TENANT, id),
      // Left behind by a gateway that died before it took them away.
      incomingKey(TENANT, record.upload_id!),
      uploadRecordKey(TENANT, record.upload_id!),
      indexKey(TENANT, id, acceptedMs),
      ...revisions.flatMap((ref) => [
        pendingKey(ref),
        undeliveredKey(ref),
        partialKey(ref, 'sbi'),
        partialKey(ref, 'llm'),
        verdictKey(ref),
        deliveryKey('once', ref, 1),
        deliveryKey(ENDPOINT, ref, 1),
        deliveryKey(ENDPOINT, ref, 2),
      ]),
    ];
    await Promise.all(others.map((key) => store.create(key, nothing)));
    await store.create(endpointKey(TENANT, ENDPOINT, 1), nothing);
    return id;
  };

  it('leaves its tombstone, what belongs to others, and nothing else', async () => {
    const other = await put('a'.repeat(64));
    const before = await keys();
    const id = await put();
    let asked: JobsOfDetection | undefined;
    const deps: EraseDeps = {
      store,
      nowMs,
      forget: async (_ref, jobs) => {
        asked = jobs;
        return { isForgotten: true, wasHeld: false };
      },
    };
    await eraseDetection(deps, { tenant: TENANT, id });
    expect((await keys()).toSorted()).toEqual([...before, erasedKey(TENANT, id)].toSorted());
    expect(asked).toEqual({ id, revisions: [1, 2], receivers: ['once', ENDPOINT] });
    expect(await isErasable(store, { tenant: TENANT, id })).toBe(false);
    expect(await isErasable(store, { tenant: TENANT, id: other })).toBe(true);
  });

  it('can be completed wherever it was cut short, and is always found', async () => {
    let completedAt: number | null = null;
    for (let cutAt = 1; completedAt === null; cutAt++) {
      const id = await put(HASH, [1]);
      let calls = 0;
      const cut = <T>(work: () => Promise<T>) => (++calls >= cutAt ? Promise.reject(new Error('killed')) : work());
      const dying: ObjectStore = {
        ...store,
        create: (key, body) => cut(() => store.create(key, body)),
        delete: (key) => cut(() => store.delete(key)),
      };
      const ref = { tenant: TENANT, id };
      const isDone = await eraseDetection({ store: dying, forget, nowMs }, ref).then(
        () => true,
        () => false,
      );
      if (isDone) completedAt = cutAt;
      const isBegun = (await store.head(erasedKey(TENANT, id))) !== null;
      const isFound = (await store.head(erasingKey(TENANT, id))) !== null;
      // Once something was begun, the marker stands that others look for, to the end; a client may always try again.
      expect(isDone || !isBegun || isFound).toBe(true);
      expect(isDone || (await isErasable(store, ref))).toBe(true);
      // Later than the killed one's right to remove the record of the key lasts.
      await eraseDetection({ store, forget, nowMs: () => Date.now() + 61_000 }, ref);
      expect((await keys()).filter((key) => key.includes(id))).toEqual([erasedKey(TENANT, id)]);
      expect(await store.head(idempotencyKey(TENANT, HASH))).toBeNull();
    }
    expect(completedAt).toBeGreaterThan(15);
  });

  it('keeps its marker until Redis has forgotten it too', async () => {
    const id = await put();
    const away: EraseDeps['forget'] = async () => ({ isForgotten: false, wasHeld: false });
    await eraseDetection({ store, forget: away, nowMs }, { tenant: TENANT, id });
    expect((await keys()).filter((key) => key.includes(id))).toEqual([erasedKey(TENANT, id), erasingKey(TENANT, id)]);
    let asked: JobsOfDetection | undefined;
    const back: EraseDeps['forget'] = async (_ref, jobs) => {
      asked = jobs;
      return { isForgotten: true, wasHeld: false };
    };
    await eraseDetection({ store, forget: back, nowMs }, { tenant: TENANT, id });
    // The revisions are remembered, although nothing of them is left to be seen.
    expect(asked?.revisions).toEqual([1, 2]);
    expect((await keys()).filter((key) => key.includes(id))).toEqual([erasedKey(TENANT, id)]);
  });

  it('removes what a worker wrote that held a job meanwhile', async () => {
    const id = await put();
    const ref = { tenant: TENANT, id, revision: 1 };
    // The worker dies between its put and its look for the tombstone.
    const held: EraseDeps['forget'] = async () => {
      await store.create(partialKey(ref, 'sbi'), nothing);
      return { isForgotten: true, wasHeld: true };
    };
    await eraseDetection({ store, forget: held, nowMs }, ref);
    expect((await keys()).filter((key) => key.includes(id))).toEqual([erasedKey(TENANT, id)]);
  });

  it('may be done by several at once', async () => {
    const id = await put();
    await Promise.all([1, 2, 3].map(() => eraseDetection({ store, forget, nowMs }, { tenant: TENANT, id })));
    expect((await keys()).filter((key) => key.includes(id))).toEqual([erasedKey(TENANT, id)]);
  });

  it('erases what cannot be read', async () => {
    const id = newDetectionId(Date.now());
    await store.create(requestKey(TENANT, id), Buffer.from('{'));
    await eraseDetection({ store, forget, nowMs }, { tenant: TENANT, id });
    expect(await keys()).toEqual([erasedKey(TENANT, id)]);
  });

  it('does not touch the record of its key when that names another detection by now', async () => {
    const id = await put();
    await store.delete(idempotencyKey(TENANT, HASH));
    const later = await put();
    await eraseDetection({ store, forget, nowMs }, { tenant: TENANT, id });
    const record = JSON.parse(
      Buffer.from((await store.read(idempotencyKey(TENANT, HASH)))!).toString('utf8'),
    ) as unknown;
    expect(record).toMatchObject({ id: later });
  });

  it('of a record is the right of one, until that one is surely gone', async () => {
    const id = await put();
    await store.create(retirementKey(TENANT, HASH, id), Buffer.from(JSON.stringify({ id })));
    await retireIdempotencyRecord(store, TENANT, HASH, { id }, Date.now());
    expect(await store.head(idempotencyKey(TENANT, HASH))).not.toBeNull();
    await retireIdempotencyRecord(store, TENANT, HASH, { id }, Date.now() + 61_000);
    expect(await store.head(idempotencyKey(TENANT, HASH))).toBeNull();
  });
});
