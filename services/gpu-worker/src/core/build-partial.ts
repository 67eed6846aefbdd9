import type { Manifest } from '@touchstone/models/manifest';
import { NO_COST } from '@touchstone/shared/contracts/cost';
import { Partial as DetectorPartial, type StageTimings } from '@touchstone/shared/contracts/partial';
import type { CnnSlot, DetectorReason } from '@touchstone/shared/contracts/vocabulary';
import type { PreparedImage, PreparedInput } from './prepared-image.ts';

/** A slot whose bundle passed its golden vectors, or why it has none that did. */
export type Detector =
  | {
      state: 'ready';
      slot: CnnSlot;
      manifest: Pick<Manifest, 'scope' | 'preparation' | 'aggregate'>;
      identity: NonNullable<DetectorPartial['detector']>;
      warmMs: number;
    }
  | {
      state: 'unavailable';
      slot: CnnSlot;
      detail: string;
      /**
       * Whether its jobs are answered with `model_unavailable`, because the operator wants no model here. Otherwise
       * they wait for a worker whose bundle computes as it was measured.
       */
      answers: boolean;
    };
export type ReadyDetector = Extract<Detector, { state: 'ready' }>;

/** What a detector found out, without whom and when. */
export type Outcome = Pick<
  DetectorPartial,
  'status' | 'reason' | 'detail' | 'score' | 'scored_regions' | 'faces' | 'image' | 'caveats'
>;

const withoutScore = (status: Outcome['status'], reason: DetectorReason, detail: string): Outcome => ({
  status,
  reason,
  detail,
  score: null,
  scored_regions: 0,
  faces: [],
  image: null,
  caveats: [],
});

export const unavailableOutcome = (detail: string) =>
  withoutScore('skipped', 'model_unavailable', detail.slice(0, 300));
export const undecodableOutcome = () =>
  withoutScore('failed', 'undecodable', 'The image file is damaged and could not be decoded.');
export const runtimeErrorOutcome = () =>
  withoutScore('failed', 'runtime_error', 'The detector failed on this image several times.');

/** The part of a prepared image that is this detector's. */
export function inputOf(detector: ReadyDetector, prepared: PreparedImage): PreparedInput {
  const input = prepared.inputs.find(({ slot }) => slot === detector.slot);
  if (input === undefined) throw new Error(`the preparer made nothing for ${detector.slot}`);
  if (input.problem !== undefined) throw new Error(`the preparer failed for ${detector.slot}: ${input.problem}`);
  if (detector.manifest.scope === 'face-forgery' && input.faceIndexes.length !== input.count) {
    throw new Error(`${input.count} regions show ${input.faceIndexes.length} faces`);
  }
  return input;
}

/** The outcome of an image that has nothing for this detector to score; null when there is something. */
export function notApplicableOutcome(detector: ReadyDetector, prepared: PreparedImage): Outcome | null {
  const input = inputOf(detector, prepared);
  if (input.count > 0) return null;
  const step = detector.manifest.preparation[0];
  if (step?.op !== 'crop-face') throw new Error('the preparer made no region of a whole image');
  const faces = listFaces(detector, prepared, input, null);
  const outcome =
    faces.length === 0
      ? withoutScore('not_applicable', 'no_face', 'No face was found in the image.')
      : withoutScore(
          'not_applicable',
          'face_too_small',
          `No face in the image is at least ${step.min_side_px} px wide.`,
        );
  return { ...outcome, faces, image: sizeOf(prepared), caveats: input.caveats };
}

/** The outcome of an image whose regions were scored, in the order of the prepared input. */
export function scoredOutcome(detector: ReadyDetector, prepared: PreparedImage, scores: Float32Array): Outcome {
  const input = inputOf(detector, prepared);
  if (scores.length !== input.count) throw new Error(`${scores.length} scores for ${input.count} regions`);
  const sum = scores.reduce((total, score) => total + score, 0);
  return {
    status: 'completed',
    reason: null,
    detail: null,
    score: detector.manifest.aggregate === 'max' ? Math.max(...scores) : sum / scores.length,
    scored_regions: scores.length,
    faces: listFaces(detector, prepared, input, scores),
    image: sizeOf(prepared),
    caveats: input.caveats,
  };
}

const sizeOf = ({ width, height }: PreparedImage) => ({ width, height });

/**
 * Every face that this detector's face detector is sure enough of. One that was not scored is called too small, also
 * where it lost its place to larger ones (contract.md section 4).
 */
function listFaces(
  { manifest }: ReadyDetector,
  prepared: PreparedImage,
  input: PreparedInput,
  scores: Float32Array | null,
): Outcome['faces'] {
  const step = manifest.preparation[0];
  if (step?.op !== 'crop-face') return [];
  return prepared.faces.flatMap((face, i) => {
    const score = scores?.[input.faceIndexes.indexOf(i)] ?? null;
    if (score === null && face.score < step.threshold) return [];
    return [
      { box: face.box, face_score: face.score, score, reason: score === null ? ('face_too_small' as const) : null },
    ];
  });
}

const tenth = (ms: number) => Math.round(10 * ms) / 10;
const roundTimings = ({ queue, get, prepare, batch_wait, infer }: StageTimings): StageTimings => ({
  queue: tenth(queue),
  get: tenth(get),
  prepare: tenth(prepare),
  batch_wait: tenth(batch_wait),
  infer: tenth(infer),
});

/** The record to store. Throws when it does not fit its schema, so that no reader ever meets one that does not. */
export function buildPartial(
  ref: Pick<DetectorPartial, 'tenant' | 'id' | 'revision' | 'slot'>,
  outcome: Outcome,
  about: { detector: Detector; timings: StageTimings | null; deviceMs: number; createdAtMs: number },
): DetectorPartial {
  const { tenant, id, revision, slot } = ref;
  return DetectorPartial.parse({
    v: 1,
    id,
    tenant,
    revision,
    slot,
    ...outcome,
    detector: about.detector.state === 'ready' ? about.detector.identity : null,
    timings_ms: about.timings && roundTimings(about.timings),
    ...(about.deviceMs === 0 ? {} : { cost: { ...NO_COST, gpu_ms: tenth(about.deviceMs) } }),
    created_at: new Date(about.createdAtMs).toISOString(),
  });
}
