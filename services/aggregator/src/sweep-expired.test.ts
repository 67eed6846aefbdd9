import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newDetectionId, type DetectionId, type Tenant } from '@touchstone/shared/contracts/detection-id';
import { IdempotencyRecord } from '@touchstone/shared/contracts/idempotency-record';
import { newUploadId } from '@touchstone/shared/contracts/upload-id';
import { openDirectoryObjectStore } from '@touchstone/shared/storage/directory-object-store';
import { createJson } from '@touchstone/shared/storage/json-object';
import {
  erasedKey,
  idempotencyKey,
  incomingKey,
  indexKey,
  partialKey,
  pendingKey,
  requestKey,
  undeliveredKey,
  uploadKey,
  uploadRecordKey,
  verdictKey,
} from '@touchstone/shared/storage/keys';
import type { ObjectStore } from '@touchstone/shared/storage/object-store';
import { createExpirySweeper, type Retention } from './sweep-expired.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const USUAL: Retention = { uploadMs: 7 * DAY_MS, detectionMs: 90 * DAY_MS, idempotencyMs: 48 * HOUR_MS };
const nothing = new Uint8Array();

describe('the sweep of what was kept long enough', () => {
  let dir: string;
  let store: ObjectStore;
  let removed: string[];
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'expired-'));
    store = await openDirectoryObjectStore(dir);
    removed = [];
  });
  afterEach(() => rm(dir, { recursive: true }));

  /** Everything is stored now; what passes is the time of the sweep. `inMs`: how much later its id was made. */
  const put = async (tenant: Tenant = 'default', inMs = 0): Promise<DetectionId> => {
    const ms = Date.now() + inMs;
    const id = newDetectionId(ms);
    const ref = { tenant, id, revision: 1 };
    const keys = [requestKey(tenant, id), uploadKey(tenant, id), indexKey(tenant, id, ms)];
    for (const key of [...keys, partialKey(ref, 'sbi'), verdictKey(ref)]) await store.create(key, nothing);
    return id;
  };
  const sweeperAfter = (ms: number, retention: Retention = USUAL) =>
    createExpirySweeper({
      store,
      retention,
      onRemoved: (kind) => removed.push(kind),
      nowMs: () => Date.now() + ms,
      uptimeMs: () => performance.now(),
    });
  const sweepAfter = (ms: number, retention?: Retention) => sweeperAfter(ms, retention)(async () => true);
  const keysOf = async (id: DetectionId) =>
    (await store.list('', null, 1_000)).map(({ key }) => key).filter((key) => key.includes(id));
  const prefixesOf = async (id: DetectionId) => (await keysOf(id)).map((key) => key.slice(0, key.indexOf('/')));

  it('takes the image after a week and leaves the answer', async () => {
    const id = await put();
    await sweepAfter(7 * DAY_MS - HOUR_MS);
    expect(removed).toEqual([]);
    await sweepAfter(7 * DAY_MS + HOUR_MS);
    expect(removed).toEqual(['upload']);
    expect(await prefixesOf(id)).toEqual(['index', 'partials', 'requests', 'verdicts']);
  });

  it('takes the whole detection after three months', async () => {
    const id = await put();
    const young = await put('default', 10 * DAY_MS);
    const before = await keysOf(young);
    await sweepAfter(90 * DAY_MS + HOUR_MS, { ...USUAL, uploadMs: null });
    expect(removed).toEqual(['detection']);
    expect([await keysOf(id), await keysOf(young)]).toEqual([[], before]);
  });

  it('finds what is old of every tenant, whatever their names', async () => {
    const tenants = ['a', 'a-b', 'a0', 'ab', 'default'];
    for (const tenant of tenants) {
      await put(tenant);
      await put(tenant, 30 * DAY_MS);
    }
    await sweepAfter(8 * DAY_MS);
    expect(removed).toEqual(tenants.map(() => 'upload'));
    expect(await store.list('uploads/', null, 100)).toHaveLength(tenants.length);
  });

  it('touches nothing of a detection whose verdict or webhook is still owed', async () => {
    const [pending, undelivered] = [await put(), await put()];
    await store.create(pendingKey({ tenant: 'default', id: pending, revision: 2 }), nothing);
    await store.create(undeliveredKey({ tenant: 'default', id: undelivered, revision: 1 }), nothing);
    const before = await keysOf(pending);
    await sweepAfter(100 * DAY_MS);
    expect(removed).toEqual(['upload']);
    expect(await keysOf(pending)).toEqual(before);
    expect(await prefixesOf(undelivered)).toEqual(['index', 'partials', 'requests', 'undelivered', 'verdicts']);
  });

  it('leaves what was stored lately under an old id', async () => {
    const id = newDetectionId(Date.now() - 8 * DAY_MS);
    await store.create(uploadKey('default', id), nothing);
    await sweepAfter(0);
    expect(removed).toEqual([]);
  });

  it('takes a tombstone with what a killed writer has left behind it', async () => {
    const id = newDetectionId(Date.now());
    await store.create(erasedKey('default', id), nothing);
    await store.create(partialKey({ tenant: 'default', id, revision: 1 }, 'sbi'), nothing);
    await sweepAfter(89 * DAY_MS);
    expect(await keysOf(id)).toHaveLength(2);
    await sweepAfter(91 * DAY_MS);
    expect([removed, await keysOf(id)]).toEqual([['tombstone'], []]);
  });

  it('takes the record of a key after two days, and then what gave the right to', async () => {
    const id = newDetectionId(Date.now());
    const key = idempotencyKey('default', 'a'.repeat(64));
    const record: IdempotencyRecord = {
      v: 1,
      id,
      tenant: 'default',
      fingerprint: 'f'.repeat(64),
      accepted_ms: Date.now(),
    };
    await createJson(store, key, IdempotencyRecord, record);
    await sweepAfter(47 * HOUR_MS);
    expect(removed).toEqual([]);
    await sweepAfter(49 * HOUR_MS);
    expect([removed, await store.head(key)]).toEqual([['idempotency-record'], null]);
    await sweepAfter(49 * HOUR_MS);
    expect(await store.list('idem/', null, 10)).toEqual([]);
  });

  it('takes an upload that became no detection when no key can name it any more', async () => {
    const id = newUploadId(Date.now());
    for (const key of [incomingKey('acme', id), uploadRecordKey('acme', id)]) await store.create(key, nothing);
    await sweepAfter(49 * HOUR_MS - 60_000);
    expect(removed).toEqual([]);
    await sweepAfter(49 * HOUR_MS + 60_000);
    expect([removed, await store.list('incoming/', null, 10)]).toEqual([['incoming', 'incoming'], []]);
  });

  it('takes nothing that is to be kept for ever', async () => {
    const id = await put();
    const before = await keysOf(id);
    await sweepAfter(10_000 * DAY_MS, { ...USUAL, uploadMs: null, detectionMs: null });
    expect(await keysOf(id)).toEqual(before);
  });

  it('ends when another process has its turn, and goes on from there', async () => {
    const ids = [await put(), await put(), ...(await Promise.all(Array.from({ length: 20 }, () => put())))];
    let turns = 3;
    const sweep = sweeperAfter(8 * DAY_MS);
    await sweep(async () => turns-- > 0);
    const first = removed.length;
    expect(first).toBeLessThan(ids.length);
    await sweep(async () => true);
    expect(removed).toHaveLength(ids.length);
  });
});
