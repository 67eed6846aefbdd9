import { z } from 'zod';
import { Cost } from './cost.ts';
import { DetectionId, Revision, Tenant } from './detection-id.ts';
import { Judgement } from './judgement.ts';
import { DetectorReason, DetectorStatus, Slot } from './vocabulary.ts';

/** Pixel box `[left, top, right, bottom]` in the upright image, as a person sees it. */
export const Box = z.tuple([z.number(), z.number(), z.number(), z.number()]);
export type Box = z.infer<typeof Box>;

export const FaceFinding = z.object({
  box: Box,
  /** Confidence of the face detector that this is a face, 0..1. */
  face_score: z.number().min(0).max(1),
  /** P(manipulated) of this face as the detector gave it; null when the face was not scored. */
  score: z.number().min(0).max(1).nullable(),
  reason: DetectorReason.nullable(),
});
export type FaceFinding = z.infer<typeof FaceFinding>;

/** Where the time of one detector's answer went, in ms. */
export const StageTimings = z.object({
  queue: z.number().min(0),
  get: z.number().min(0),
  prepare: z.number().min(0),
  batch_wait: z.number().min(0),
  infer: z.number().min(0),
});
export type StageTimings = z.infer<typeof StageTimings>;

/**
 * `partials/{tenant}/{id}/r{n}/{slot}.json`: one detector's answer. Created once: the first answer stands, so a job
 * that runs twice gives no second score.
 */
export const Partial = z.object({
  v: z.literal(1),
  id: DetectionId,
  tenant: Tenant,
  revision: Revision,
  slot: Slot,
  status: DetectorStatus.exclude(['pending']),
  reason: DetectorReason.nullable(),
  /** A sentence for people about `reason`, free of user data. */
  detail: z.string().max(300).nullable(),
  /** The bundle that answered; null when none could. */
  detector: z
    .object({
      id: z.string(),
      version: z.string(),
      weights_sha256: z.string(),
      provider: z.string(),
    })
    .nullable(),
  /** P(manipulated) of the image before calibration: for faces the maximum; null unless `completed`. */
  score: z.number().min(0).max(1).nullable(),
  /** Number of scores that `score` is the maximum of; fusion corrects for it. 1 for a whole-image detector. */
  scored_regions: z.number().int().min(0),
  faces: z.array(FaceFinding),
  /** Size of the upright image; null when it could not be decoded. */
  image: z.object({ width: z.number().int(), height: z.number().int() }).nullable(),
  /** Ways in which the preparation differs from what the detector was measured with, e.g. `upscaled`. */
  caveats: z.array(z.string()),
  timings_ms: StageTimings.nullable(),
  /** What the LLM said; only in its slot, and only when it answered. */
  judgement: Judgement.optional(),
  /** Absent where nothing was computed or asked, and in older records. Of the attempt that gave this answer. */
  cost: Cost.optional(),
  created_at: z.iso.datetime(),
});
export type Partial = z.infer<typeof Partial>;
