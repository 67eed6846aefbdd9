import type { Tenant } from '@touchstone/shared/contracts/detection-id';
import type { EndpointRecord } from '@touchstone/shared/contracts/webhook';
import type { EndpointRecords } from '@touchstone/shared/webhooks/endpoint-records';
import { shareRecent } from './share-recent.ts';

/** The endpoints of a tenant as they were a few seconds ago: submissions ask for them, many a second. */
export type RecentEndpoints = {
  of(tenant: Tenant): Promise<EndpointRecord[]>;
  /** They were changed through this process. */
  forget(tenant: Tenant): void;
};

const FRESH_FOR_MS = 5_000;

/** Tenants come from the file of keys, so there are only so many. */
export function createRecentEndpoints(records: Pick<EndpointRecords, 'list'>): RecentEndpoints {
  const looks = new Map<Tenant, () => Promise<EndpointRecord[]>>();
  return {
    of(tenant) {
      const look = looks.get(tenant) ?? shareRecent(FRESH_FOR_MS, () => records.list(tenant));
      looks.set(tenant, look);
      return look();
    },
    forget: (tenant) => void looks.delete(tenant),
  };
}
