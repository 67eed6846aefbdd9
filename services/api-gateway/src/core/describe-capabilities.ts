import type { LoadedCalibration } from '@touchstone/fusion/load-calibration';
import { isFittedFor, offeredPoints, type RunningDetector } from '@touchstone/fusion/offered-points';
import type { CalibrationArtefact } from '@touchstone/shared/contracts/calibration-artefact';
import type { Capabilities } from '@touchstone/shared/contracts/capabilities';
import type { DetectorReport, Heartbeat } from '@touchstone/shared/contracts/heartbeat';
import {
  MAX_IMAGE_BYTES,
  MAX_JPEG_PIXELS,
  MAX_PIXELS,
  MAX_SCORED_FACES,
  MAX_SIDE_PX,
  MIN_SCORED_FACE_PX,
} from '@touchstone/shared/contracts/limits';
import { MediaType, type LlmPolicy } from '@touchstone/shared/contracts/request-record';
import { CnnSlot, Slot } from '@touchstone/shared/contracts/vocabulary';

export type CapabilityFacts = {
  slots: Slot[];
  llmPolicy: LlmPolicy;
  detectWaitMs: number;
  offersDirectUpload: boolean;
  calibration: LoadedCalibration | null;
  /** Null while Redis does not answer. */
  beats: Heartbeat[] | null;
};

/** The answer to `GET /api/v1/capabilities`. */
export function describeCapabilities(facts: CapabilityFacts): Capabilities {
  const { slots, calibration, beats } = facts;
  const artefact = calibration?.artefact ?? null;
  const running = runningDetectors(beats);
  const points = offeredPoints(artefact, running);
  return {
    detectors: slots.map((slot) => describeSlot(slot, beats, artefact)),
    calibrated: points.length > 0,
    calibration:
      calibration === null
        ? null
        : {
            id: calibration.artefact.id,
            sha256: calibration.sha256,
            domain: calibration.artefact.domain,
            created_at: calibration.artefact.created_at,
            fitted_n: calibration.artefact.fitted_n,
          },
    default_operating_point: points.length === 0 ? null : artefact!.default_operating_point,
    operating_points: points.map((id) => describePoint(artefact!, id)),
    llm: slots.includes('llm') ? { policy: facts.llmPolicy, calibrated: (artefact?.llm ?? null) !== null } : null,
    formats: MediaType.options,
    direct_upload: facts.offersDirectUpload,
    limits: {
      max_image_bytes: MAX_IMAGE_BYTES,
      max_pixels: MAX_PIXELS,
      max_jpeg_pixels: MAX_JPEG_PIXELS,
      max_side_px: MAX_SIDE_PX,
      min_scored_face_px: MIN_SCORED_FACE_PX,
      max_scored_faces: MAX_SCORED_FACES,
      detect_wait_ms: facts.detectWaitMs,
    },
  };
}

/** Every bundle that some living worker has ready. */
export function runningDetectors(beats: Heartbeat[] | null): RunningDetector[] {
  return reportsOf(beats).flatMap(({ slot, state, bundle }) => {
    const cnn = CnnSlot.safeParse(slot);
    return cnn.success && state === 'ready' && bundle !== null ? [{ slot: cnn.data, ...bundle }] : [];
  });
}

const reportsOf = (beats: Heartbeat[] | null): DetectorReport[] => (beats ?? []).flatMap(({ detectors }) => detectors);

function describeSlot(
  slot: Slot,
  beats: Heartbeat[] | null,
  artefact: CalibrationArtefact | null,
): Capabilities['detectors'][number] {
  const reports = reportsOf(beats).filter((report) => report.slot === slot);
  const best = reports.find(({ state }) => state === 'ready') ?? reports[0];
  const running = runningDetectors(beats).filter((detector) => detector.slot === slot);
  return {
    slot,
    state: beats === null ? 'unknown' : (best?.state ?? 'unavailable'),
    id: best?.bundle?.id ?? null,
    version: best?.bundle?.version ?? null,
    weights_sha256: best?.bundle?.weights_sha256 ?? null,
    provider: best?.provider ?? null,
    calibrated:
      slot === 'llm'
        ? artefact !== null && artefact.llm !== null && artefact.llm.model === best?.provider
        : artefact !== null && running.length > 0 && running.every((detector) => isFittedFor(artefact, detector)),
  };
}

function describePoint(artefact: CalibrationArtefact, id: string): Capabilities['operating_points'][number] {
  const subsets = Object.entries(artefact.subsets);
  return {
    id,
    alpha: subsets[0]![1].bands[id]!.alpha,
    figures: subsets.map(([key, { bands, check }]) => {
      const { cnn, measured_fpr, measured_fnr = null, n_real, n_fake } = bands[id]!;
      return {
        detectors: Slot.options.filter((slot) => key.split('+').includes(slot)),
        ...cnn,
        measured_fpr,
        measured_fnr,
        n_real,
        n_fake,
        checked_real: check?.n_real ?? null,
        checked_fake: check?.n_fake ?? null,
      };
    }),
  };
}
