import type { EndpointRecords } from '@touchstone/shared/webhooks/endpoint-records';
import { withinStoreLimit } from './within-store-limit.ts';

const LIMIT_MS = 15_000;

/** The records, with `store_unavailable` in place of a store that fails or is silent. */
export function limitEndpointRecords(records: EndpointRecords): EndpointRecords {
  const within = <T>(work: Promise<T>) => withinStoreLimit(LIMIT_MS, 'The webhook endpoints cannot be reached.', work);
  return {
    create: (record) => within(records.create(record)),
    read: (tenant, id) => within(records.read(tenant, id)),
    list: (tenant) => within(records.list(tenant)),
    change: (tenant, id, decide) => within(records.change(tenant, id, decide)),
  };
}
