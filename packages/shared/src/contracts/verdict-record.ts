import { z } from 'zod';
import { Cost } from './cost.ts';
import { DetectionId, Revision, Tenant } from './detection-id.ts';
import { Judgement } from './judgement.ts';
import { Box, StageTimings } from './partial.ts';
import { DetectionStatus, DetectorReason, DetectorStatus, Slot, Verdict, VerdictReason } from './vocabulary.ts';

/** One detector's row in the answer. */
export const DetectorResult = z.object({
  slot: Slot,
  id: z.string().nullable(),
  version: z.string().nullable(),
  weights_sha256: z.string().nullable(),
  status: DetectorStatus,
  reason: DetectorReason.nullable(),
  detail: z.string().nullable(),
  /** As the detector gave it. */
  score: z.number().min(0).max(1).nullable(),
  /** After calibration (when there is any) and the correction for the number of faces. */
  probability: z.number().min(0).max(1).nullable(),
  /** Share of the fused log-odds that this detector brought. */
  contribution: z.number().nullable(),
  regions: z.array(
    z.object({
      kind: z.literal('face'),
      box: Box,
      face_score: z.number(),
      score: z.number().nullable(),
      reason: DetectorReason.nullable(),
    }),
  ),
  caveats: z.array(z.string()),
  timings_ms: StageTimings.nullable(),
  /** What the LLM said, in its own words: machine-made text. Absent where it did not answer, and in older records. */
  judgement: Judgement.optional(),
});
export type DetectorResult = z.infer<typeof DetectorResult>;

export const OperatingPoint = z.object({
  id: z.string(),
  /** Below: authentic. Null: no value is low enough. */
  lo: z.number().nullable(),
  /** Above: manipulated. Null: no value is high enough. */
  hi: z.number().nullable(),
  measured_fpr: z.number().nullable(),
  n_real: z.number().int().nullable(),
});
export type OperatingPoint = z.infer<typeof OperatingPoint>;

/** `verdicts/{tenant}/{id}/r{n}.json`: the fused answer. Exactly one per revision, never changed. */
export const VerdictRecord = z.object({
  v: z.literal(1),
  id: DetectionId,
  tenant: Tenant,
  revision: Revision,
  status: DetectionStatus.extract(['completed', 'failed', 'expired']),
  verdict: Verdict,
  /** P(manipulated); null when nothing could be said. */
  probability: z.number().min(0).max(1).nullable(),
  /** False: `probability` is a plain mean of detector log-odds and promises no error rate. */
  calibrated: z.boolean(),
  calibration: z.object({ id: z.string(), sha256: z.string(), domain: z.string() }).nullable(),
  operating_point: OperatingPoint.nullable(),
  reasons: z.array(VerdictReason),
  /** Detectors that were asked for and did not contribute, other than because the image is not their subject. */
  degraded: z.array(z.object({ detector: Slot, reason: DetectorReason })),
  /** One plain sentence for people. */
  summary: z.string(),
  detectors: z.array(DetectorResult),
  image: z.object({ width: z.number().int(), height: z.number().int() }).nullable(),
  /** Of all answers that went into it. Absent in older records. */
  cost: Cost.optional(),
  completed_at: z.iso.datetime(),
});
export type VerdictRecord = z.infer<typeof VerdictRecord>;
