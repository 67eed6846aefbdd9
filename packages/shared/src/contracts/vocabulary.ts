import { z } from 'zod';

/** The places in the ensemble that a detector can fill. */
export const Slot = z.enum(['sbi', 'distildire', 'llm']);
export type Slot = z.infer<typeof Slot>;

/** The slots that a gpu-worker fills. They alone make up the quorum. */
export const CnnSlot = Slot.extract(['sbi', 'distildire']);
export type CnnSlot = z.infer<typeof CnnSlot>;
export const CNN_SLOTS = CnnSlot.options;

/** Life of a detection. `completed`, `failed`, `canceled` and `expired` are terminal and never change. */
export const DetectionStatus = z.enum(['queued', 'processing', 'completed', 'failed', 'canceled', 'expired']);
export type DetectionStatus = z.infer<typeof DetectionStatus>;

export const Verdict = z.enum(['manipulated', 'authentic', 'inconclusive', 'not_applicable', 'unable_to_evaluate']);
export type Verdict = z.infer<typeof Verdict>;

export const DetectorStatus = z.enum([
  'pending',
  'completed',
  'not_applicable',
  'skipped',
  'refused',
  'timed_out',
  'failed',
]);
export type DetectorStatus = z.infer<typeof DetectorStatus>;

/** Why a detector gave no number. New codes may be added within v1: clients must ignore unknown ones. */
export const DetectorReason = z.enum([
  'no_face',
  'face_too_small',
  'too_blurry',
  'too_dark',
  'too_bright',
  'unsupported_format',
  'undecodable',
  'budget',
  'policy',
  'breaker_open',
  'model_unavailable',
  'refusal',
  'contains_instructions',
  'truncated_output',
  'invalid_output',
  'deadline',
  'runtime_error',
]);
export type DetectorReason = z.infer<typeof DetectorReason>;

export const VerdictReason = z.enum([
  'detectors_agree',
  'detectors_disagree',
  'single_detector',
  'within_conformal_band',
  /** Between the fixed thresholds that stand in as long as nothing is calibrated. */
  'within_default_band',
  'below_quorum',
  'provenance_generated',
  'stability_flip',
  'no_applicable_detector',
  'undecodable',
  'expired',
]);
export type VerdictReason = z.infer<typeof VerdictReason>;
