import { z } from 'zod';
import { Tenant } from './detection-id.ts';
import { MediaType } from './request-record.ts';
import { UploadId } from './upload-id.ts';

/** How long a signed target takes the bytes. */
export const UPLOAD_TARGET_S = 900;
/** How long after its target was made an upload can become a detection. */
export const UPLOAD_CLAIM_MS = 3_600_000;

const Sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hex digits');

/** Body of `POST /api/v1/uploads`. Type and size are judged by the door, with errors of their own. */
export const CreateUpload = z.strictObject({
  media_type: z.string().max(100),
  bytes: z.number().int().min(1),
  sha256: Sha256,
});
export type CreateUpload = z.infer<typeof CreateUpload>;

/** Answer to `POST /api/v1/uploads`: send this request, with exactly these headers and the bytes as its body. */
export const UploadTarget = z.object({
  id: UploadId,
  method: z.literal('PUT'),
  url: z.url(),
  headers: z.record(z.string(), z.string()),
  expires_at: z.iso.datetime(),
});
export type UploadTarget = z.infer<typeof UploadTarget>;

/**
 * `incoming/{tenant}/{upl}.json`: what was announced. Written once by the gateway, before the target is told. It stays
 * when the bytes beside it have become a detection, so that a repeated request finds what it is a repetition of.
 */
export const UploadRecord = z.object({
  v: z.literal(1),
  id: UploadId,
  tenant: Tenant,
  media_type: MediaType,
  bytes: z.number().int().min(1),
  sha256: Sha256,
});
export type UploadRecord = z.infer<typeof UploadRecord>;
