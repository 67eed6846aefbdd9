import type { Tenant } from '@touchstone/shared/contracts/detection-id';
import { settleWithin } from '@touchstone/shared/process/settle-within';
import type { PendingCounts } from '@touchstone/shared/queue/pending-counts';
import { shareRecent } from './share-recent.ts';

/** Work that waits, by tenant. */
export type TenantQueue = {
  /** Takes a place for one more detection, or returns null where `limit` detections wait. Never rejects. */
  enter(tenant: Tenant, limit: number): Promise<QueuePlace | null>;
};

/** `leave`: the detection was not accepted after all. */
export type QueuePlace = { leave(): void };

const FRESH_FOR_MS = 1_000;
const LIMIT_MS = 250;
/** Places older than this are in the counts, or nobody counts any more. */
const FORGET_AFTER_MS = 60_000;

/**
 * The sweeper counts the pending markers, which are the truth; what this process accepted since its count began is added
 * to it. So nothing has to be counted down when a verdict comes, and nothing is wrong for long after a crash or a flush.
 * Where nobody has counted lately only the own part is known.
 */
export function createTenantQueue(readCounts: () => Promise<PendingCounts | null>, nowMs: () => number): TenantQueue {
  const recent = shareRecent(FRESH_FOR_MS, readCounts);
  let known: PendingCounts = { since_ms: 0, by_tenant: {} };
  const places = new Map<Tenant, Set<{ sinceMs: number }>>();

  const forgetCounted = (sinceMs: number) => {
    for (const [tenant, own] of places) {
      for (const place of own) {
        if (place.sinceMs >= sinceMs) break;
        own.delete(place);
      }
      if (own.size === 0) places.delete(tenant);
    }
  };
  return {
    async enter(tenant, limit) {
      const told = await settleWithin(LIMIT_MS, recent(), known);
      const counts = told ?? { since_ms: 0, by_tenant: {} };
      if (counts !== known) {
        known = counts;
        forgetCounted(Math.max(counts.since_ms, nowMs() - FORGET_AFTER_MS));
      }
      const own = places.get(tenant) ?? new Set();
      if ((counts.by_tenant[tenant] ?? 0) + own.size >= limit) return null;
      places.set(tenant, own);
      const place = { sinceMs: nowMs() };
      own.add(place);
      return { leave: () => void own.delete(place) };
    },
  };
}
