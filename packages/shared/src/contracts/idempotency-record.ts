import { z } from 'zod';
import { DetectionId, Tenant } from './detection-id.ts';

/** How long a key names its detection. An older record counts as absent, whether it is still there or not. */
export const IDEMPOTENCY_TTL_MS = 86_400_000;

/** How long a request may be presumed underway whose detection is not promised yet. */
export const IDEMPOTENCY_IN_FLIGHT_MS = 300_000;

/**
 * `idem/{tenant}/{sha256(Idempotency-Key)}`: which detection a key stands for. Written before anything else of that
 * detection, so that whoever comes later with the same key completes it under the same id.
 */
export const IdempotencyRecord = z.object({
  v: z.literal(1),
  id: DetectionId,
  tenant: Tenant,
  /** sha256 of the image's sha256 and the canonical options: never of the body, whose boundary changes with each try. */
  fingerprint: z.string().regex(/^[0-9a-f]{64}$/),
  /** The time of acceptance, in ms since the epoch. */
  accepted_ms: z.number().int().min(0),
});
export type IdempotencyRecord = z.infer<typeof IdempotencyRecord>;

/** `idem/{tenant}/{sha256(Idempotency-Key)}.{id}`: whoever created this may remove the record that names `id`. */
export const Retirement = z.object({ id: DetectionId });
export type Retirement = z.infer<typeof Retirement>;
