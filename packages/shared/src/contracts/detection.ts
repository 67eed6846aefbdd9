import { z } from 'zod';
import { Cost } from './cost.ts';
import { DetectionId } from './detection-id.ts';
import { MediaType } from './request-record.ts';
import { DetectorResult, OperatingPoint, VerdictRecord } from './verdict-record.ts';
import { DetectionStatus, Verdict, VerdictReason } from './vocabulary.ts';

/** The public resource `/api/v1/detections/{id}`: the same shape while it runs and when it is done. */
export const Detection = z.object({
  id: DetectionId,
  status: DetectionStatus,
  done: z.boolean(),
  revision: z.number().int(),
  external_id: z.string().nullable(),
  created_at: z.iso.datetime(),
  completed_at: z.iso.datetime().nullable(),
  image: z.object({
    sha256: z.string(),
    media_type: MediaType,
    declared_media_type: z.string().nullable(),
    bytes: z.number().int(),
    /** Upright size once a worker has seen the pixels, before that as the file's header says. */
    width: z.number().int(),
    height: z.number().int(),
  }),
  verdict: Verdict.nullable(),
  probability: z.number().nullable(),
  calibrated: z.boolean().nullable(),
  calibration: VerdictRecord.shape.calibration,
  summary: z.string().nullable(),
  reasons: z.array(VerdictReason),
  operating_point: OperatingPoint.nullable(),
  degraded: VerdictRecord.shape.degraded,
  detectors: z.array(DetectorResult),
  /** So far, until it is done. Null where the verdict is older than this account. */
  cost: Cost.nullable(),
});
export type Detection = z.infer<typeof Detection>;

export const DetectionPage = z.object({ data: z.array(Detection), next_cursor: z.string().nullable() });
export type DetectionPage = z.infer<typeof DetectionPage>;
