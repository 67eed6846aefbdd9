import { z } from 'zod';
import { DetectionId, Revision, Tenant } from './detection-id.ts';
import { Slot } from './vocabulary.ts';
import { UploadId } from './upload-id.ts';
import { Callback } from './webhook.ts';

export const MediaType = z.enum(['image/jpeg', 'image/png', 'image/webp']);
export type MediaType = z.infer<typeof MediaType>;

/** When the LLM is asked: always, only where the detectors leave the verdict open, never. */
export const LlmPolicy = z.enum(['always', 'uncertain', 'off']);
export type LlmPolicy = z.infer<typeof LlmPolicy>;

/** What the client asked for, defaults filled in. Part of the idempotency fingerprint, so keep it canonical. */
export const DetectionOptions = z.object({
  external_id: z.string().min(1).max(200).nullable(),
  /** Slots that were asked for, in the order of the vocabulary. */
  detectors: z.array(Slot).min(1),
  operating_point: z.string().max(64).nullable(),
  /** Absent without an LLM, and in records of the release before it; fingerprints stay the same without it. */
  llm: LlmPolicy.optional(),
});
export type DetectionOptions = z.infer<typeof DetectionOptions>;

/** `requests/{tenant}/{id}.json`: the question as it was accepted. Written once by the gateway. */
export const RequestRecord = z.object({
  v: z.literal(1),
  id: DetectionId,
  tenant: Tenant,
  accepted_at: z.iso.datetime(),
  image: z.object({
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
    /** From the sniffed bytes, never from the client's word. */
    media_type: MediaType,
    /** What the client declared, when it differs: evidence, not an error. */
    declared_media_type: z.string().max(100).nullable(),
    bytes: z.number().int().min(1),
    /** As the header of the file says, before its orientation is applied. */
    width: z.number().int().min(1),
    height: z.number().int().min(1),
  }),
  options: DetectionOptions,
  /** The slots that this deployment answers for this detection: each gets a job and owes a partial. */
  slots: z.array(Slot).min(1),
  /** 1 while a client holds a connection for the answer, else 10. */
  priority: z.number().int().min(1).max(10),
  /** Absent when nobody is to be told, and in records of the release before webhooks. */
  callback: Callback.optional(),
  /** sha256 of the `Idempotency-Key` that this question came with, so that erasing finds the record. */
  idempotency_key_sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
  /** The upload that the image came with, where the client put it into the store itself: erasing looks there as well. */
  upload_id: UploadId.optional(),
});
export type RequestRecord = z.infer<typeof RequestRecord>;

/** `pending/…` and other markers carry what the sweeper needs when the rest cannot be read. */
export const PendingMarker = z.object({ id: DetectionId, tenant: Tenant, revision: Revision });
export type PendingMarker = z.infer<typeof PendingMarker>;
