import type { Tenant } from '../contracts/detection-id.ts';
import { IdempotencyRecord, Retirement } from '../contracts/idempotency-record.ts';
import { createJson, readJson } from './json-object.ts';
import { idempotencyKey, retirementKey } from './keys.ts';
import type { ObjectStore } from './object-store.ts';

/** Much longer than anybody takes from creating a retirement to using it. */
const ORPHANED_AFTER_MS = 60_000;

/**
 * Removes the record that names `seen.id`, and no other record of the same key.
 *
 * Who simply deleted an expired record could delete the one that a faster process has put in its place meanwhile, and
 * both would win. So the right to remove a certain record is an object of its own, created once: one process deletes,
 * and only what it finds to be that record still. Then all compete for the key by `create`, which has one winner. A
 * process that dies between its right and its delete loses the right after a minute. False: the right is another's.
 */
export async function retireIdempotencyRecord(
  store: ObjectStore,
  tenant: Tenant,
  keyHash: string,
  seen: Pick<IdempotencyRecord, 'id'>,
  nowMs: number,
): Promise<boolean> {
  const right = retirementKey(tenant, keyHash, seen.id);
  if (!(await createJson(store, right, Retirement, { id: seen.id }))) {
    const standing = await store.head(right);
    if (standing !== null && nowMs - standing.modifiedMs < ORPHANED_AFTER_MS) return false;
  }
  const key = idempotencyKey(tenant, keyHash);
  const record = await readJson(store, key, IdempotencyRecord);
  if (record?.id === seen.id) await store.delete(key);
  return true;
}
