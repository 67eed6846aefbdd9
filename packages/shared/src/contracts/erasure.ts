import { z } from 'zod';
import { DetectionId, Revision, Tenant } from './detection-id.ts';
import { UploadId } from './upload-id.ts';

/** `erased/{tenant}/{id}`: the detection is gone for good. Writers look for the key; the rest is for people. */
export const Tombstone = z.object({ v: z.literal(1), id: DetectionId, tenant: Tenant, erased_at: z.iso.datetime() });
export type Tombstone = z.infer<typeof Tombstone>;

/** `erasing/{tenant}/{id}`: what is needed to complete an erasure whose request record is gone already. */
export const ErasingMarker = z.object({
  v: z.literal(1),
  id: DetectionId,
  tenant: Tenant,
  /** Those that were seen when it began: the names of jobs follow from them. */
  revisions: z.array(Revision).min(1),
  idempotency_key_sha256: z.string().nullable(),
  /** Absent where there is none. */
  upload_id: UploadId.optional(),
});
export type ErasingMarker = z.infer<typeof ErasingMarker>;
