import type { Tenant } from '@touchstone/shared/contracts/detection-id';
import { DeliveryRecord, type EndpointId } from '@touchstone/shared/contracts/webhook';
import { readJson } from '@touchstone/shared/storage/json-object';
import { receiverPrefix } from '@touchstone/shared/storage/keys';
import type { ObjectStore } from '@touchstone/shared/storage/object-store';
import type { DeliveryQuery } from '../core/delivery-query.ts';
import { isStoreFailure, withinStoreLimit } from './within-store-limit.ts';

/**
 * Attempts of an endpoint in the order of the store: by the time at which the detection was accepted, oldest first.
 * `next`: where the page ended, if there may be more. A filtered page may hold fewer than there is room for.
 */
export type DeliveryReader = (
  tenant: Tenant,
  endpoint: EndpointId,
  query: DeliveryQuery,
) => Promise<{ records: DeliveryRecord[]; next: string | null }>;

const LIMIT_MS = 15_000;
const READ_AT_ONCE = 16;
/** Bounds the work of a page whose filter few records pass. */
const MAX_LOOKED_AT = 1_000;

export function createDeliveryReader(store: ObjectStore): DeliveryReader {
  /** One that does not fit its schema is left out, like one that was erased meanwhile. */
  const read = (key: string) =>
    readJson(store, key, DeliveryRecord).catch((error: unknown) => {
      if (isStoreFailure(error)) throw error;
      return null;
    });

  const page: DeliveryReader = async (tenant, endpoint, { limit, position, status }) => {
    const prefix = receiverPrefix(tenant, endpoint);
    const after = position === null ? null : prefix + position;
    const room = status === null ? limit : MAX_LOOKED_AT;
    const keys = (await store.list(prefix, after, room + 1)).map(({ key }) => key);
    const found: DeliveryRecord[] = [];
    for (let at = 0; at < Math.min(keys.length, room); at += READ_AT_ONCE) {
      const batch = keys.slice(at, Math.min(at + READ_AT_ONCE, room));
      const records = await Promise.all(batch.map(read));
      for (const [i, record] of records.entries()) {
        if (record !== null && (status === null || record.outcome === status)) found.push(record);
        if (found.length < limit) continue;
        const isLast = at + i + 1 >= keys.length;
        return { records: found, next: isLast ? null : batch[i]!.slice(prefix.length) };
      }
    }
    return { records: found, next: keys.length > room ? keys[room - 1]!.slice(prefix.length) : null };
  };
  return (tenant, endpoint, query) =>
    withinStoreLimit(LIMIT_MS, 'The deliveries cannot be read.', page(tenant, endpoint, query));
}
