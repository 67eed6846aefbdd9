import { z } from 'zod';
import { CnnSlot } from './vocabulary.ts';

/** Thresholds on P(manipulated); null where the calibration set was too small to set one (plus or minus infinity). */
const Band = z.object({ lo: z.number().nullable(), hi: z.number().nullable() });

/** One class-conditional conformal band; llm-and-fusion.md B2. */
export const OperatingPointBands = z.object({
  alpha: z.number().gt(0).lt(1),
  cnn: Band,
  /** Band of the log-odds that include the LLM's term; absent without a fitted term. */
  with_llm: Band.nullable(),
  n_real: z.number().int(),
  n_fake: z.number().int(),
  /** Share of real images called manipulated, on images that neither the stack nor the thresholds saw. */
  measured_fpr: z.number().nullable(),
  /** Share of fakes called authentic, on the same images. */
  measured_fnr: z.number().nullable().optional(),
});
export type OperatingPointBands = z.infer<typeof OperatingPointBands>;

/**
 * What was fitted on labelled outputs: Platt per detector, a logistic stack and conformal bands per subset of detectors
 * that answered (llm-and-fusion.md B4). It holds only for the weights that it names.
 */
export const CalibrationArtefact = z.object({
  format: z.literal(1),
  id: z.string().min(1).max(100),
  created_at: z.iso.datetime(),
  /** What the images were; figures hold for traffic like them. */
  domain: z.string(),
  /** The file of scores that it was fitted on, and the seed that dealt its parts. */
  scores_sha256: z.string().optional(),
  seed: z.number().int().optional(),
  fitted_n: z.object({ real: z.number().int(), fake: z.number().int() }),
  default_operating_point: z.string(),
  detectors: z.partialRecord(
    CnnSlot,
    z.object({
      version: z.string(),
      weights_sha256: z.string(),
      /** Scores are clipped to [clip, 1 - clip] before their log-odds are taken. */
      clip: z.number().gt(0).lt(0.5),
      platt: z.object({ a: z.number().min(0), b: z.number() }),
    }),
  ),
  /** The LLM's term: it may raise suspicion by at most `cap_b` log-odds and never lowers it. */
  llm: z
    .object({
      model: z.string(),
      prompt_sha256: z.string(),
      platt: z.object({ a: z.number().min(0), b: z.number() }),
      cap_b: z.number().min(0),
    })
    .nullable(),
  /** Keys: slots sorted and joined by `+`, e.g. `distildire+sbi`. */
  subsets: z.record(
    z.string(),
    z.object({
      w0: z.number(),
      w: z.partialRecord(CnnSlot, z.number().min(0)),
      w_llm: z.number().min(0).nullable(),
      /** Whether its images were those that only these detectors answered, or that others answered as well. */
      fitted_on: z.enum(['alone', 'among_others']).optional(),
      /** How the stack does on images that it never saw. */
      check: z
        .object({
          n_real: z.number().int(),
          n_fake: z.number().int(),
          auc: z.number().nullable(),
          ece: z.number().nullable(),
          log_loss: z.number().nullable(),
        })
        .optional(),
      bands: z.record(z.string(), OperatingPointBands),
    }),
  ),
});
export type CalibrationArtefact = z.infer<typeof CalibrationArtefact>;
