import type { Redis } from 'ioredis';
import { z } from 'zod';
import { Tenant } from '../contracts/detection-id.ts';

/** Accepted detections without a verdict, by tenant, as a whole look at the markers in the object store found them. */
export const PendingCounts = z.object({
  /** When the look began: what was accepted later may be missing. */
  since_ms: z.number().int(),
  by_tenant: z.record(Tenant, z.number().int().min(1)),
});
export type PendingCounts = z.infer<typeof PendingCounts>;

/** Counts that nobody renews say nothing any more. */
const EXPIRES_AFTER_MS = 60_000;
const keyOf = (prefix: string) => `${prefix}:pending-counts`;

export async function publishPendingCounts(redis: Redis, prefix: string, counts: PendingCounts): Promise<void> {
  await redis.set(keyOf(prefix), JSON.stringify(PendingCounts.parse(counts)), 'PX', EXPIRES_AFTER_MS);
}

/** Null when nobody has counted lately. Rejects when Redis does not answer. */
export async function readPendingCounts(redis: Redis, prefix: string): Promise<PendingCounts | null> {
  const text = await redis.get(keyOf(prefix));
  return text === null ? null : PendingCounts.parse(JSON.parse(text));
}
