import { z } from 'zod';
import { MediaType } from './request-record.ts';
import { Slot } from './vocabulary.ts';

const DetectorCapability = z.object({
  slot: Slot,
  /** `unknown` while Redis does not answer: then no worker can be heard. */
  state: z.enum(['ready', 'unavailable', 'unknown']),
  /** The bundle that runs; null for the LLM, and where none is known. */
  id: z.string().nullable(),
  version: z.string().nullable(),
  weights_sha256: z.string().nullable(),
  /** What computes the answers: an execution provider, or the model of the LLM. */
  provider: z.string().nullable(),
  /** Whether the calibration was fitted for exactly these weights. */
  calibrated: z.boolean(),
});

/** What an operating point promises where these detectors answered, and what was measured on images that it never saw. */
const PointFigures = z.object({
  detectors: z.array(Slot),
  lo: z.number().nullable(),
  hi: z.number().nullable(),
  measured_fpr: z.number().nullable(),
  measured_fnr: z.number().nullable(),
  /** Images that set the thresholds. */
  n_real: z.number().int(),
  n_fake: z.number().int(),
  /** Images that the rates were measured on. */
  checked_real: z.number().int().nullable(),
  checked_fake: z.number().int().nullable(),
});

/** `GET /api/v1/capabilities`: what this deployment can say, and how sure it is of it. */
export const Capabilities = z.object({
  detectors: z.array(DetectorCapability),
  /** Whether verdicts are calibrated: an artefact is there, and every running detector is the one it was fitted for. */
  calibrated: z.boolean(),
  calibration: z
    .object({
      id: z.string(),
      sha256: z.string(),
      domain: z.string(),
      created_at: z.iso.datetime(),
      fitted_n: z.object({ real: z.number().int(), fake: z.number().int() }),
    })
    .nullable(),
  default_operating_point: z.string().nullable(),
  /** What the option `operating_point` accepts. */
  operating_points: z.array(z.object({ id: z.string(), alpha: z.number(), figures: z.array(PointFigures) })),
  llm: z.object({ policy: z.enum(['always', 'uncertain', 'off']), calibrated: z.boolean() }).nullable(),
  formats: z.array(MediaType),
  /** Whether `POST /api/v1/uploads` gives targets, so that images need not pass through the door. */
  direct_upload: z.boolean(),
  limits: z.object({
    max_image_bytes: z.number().int(),
    max_pixels: z.number().int(),
    max_jpeg_pixels: z.number().int(),
    max_side_px: z.number().int(),
    min_scored_face_px: z.number().int(),
    max_scored_faces: z.number().int(),
    detect_wait_ms: z.number().int(),
  }),
});
export type Capabilities = z.infer<typeof Capabilities>;
