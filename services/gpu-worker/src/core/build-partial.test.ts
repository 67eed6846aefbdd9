import { describe, expect, it } from '@jest/globals';
import { newDetectionId } from '@touchstone/shared/contracts/detection-id';
import {
  buildPartial,
  notApplicableOutcome,
  scoredOutcome,
  unavailableOutcome,
  type ReadyDetector,
} from './build-partial.ts';
import type { PreparedImage, PreparedInput } from './prepared-image.ts';

const detector = (scope: 'face-forgery' | 'whole-image', aggregate: 'max' | 'mean' = 'max'): ReadyDetector => ({
  state: 'ready',
  slot: scope === 'face-forgery' ? 'sbi' : 'distildire',
  manifest: {
    scope,
    aggregate,
    preparation:
      scope === 'whole-image'
        ? [{ op: 'centre-crop', size: 8, enlarge: 'pil-bilinear-u8' }]
        : [
            {
              op: 'crop-face',
              face_detector: 'blazeface-back-256',
              threshold: 0.6,
              scale: 1,
              shift_up: 0,
              min_side_px: 64,
              max_faces: 16,
            },
          ],
  },
  identity: { id: 'tiny', version: '1.0.0', weights_sha256: 'ab', provider: 'cpu' },
  warmMs: 1,
});
const prepared = (faceScores: number[], input: Pick<PreparedInput, 'slot' | 'faceIndexes'>): PreparedImage => ({
  width: 640,
  height: 480,
  faces: faceScores.map((score, i) => ({ box: [i, i, i + 100, i + 100], score })),
  inputs: [
    {
      ...input,
      count: input.slot === 'sbi' ? input.faceIndexes.length : 1,
      data: new Uint8Array(3 * Math.max(1, input.faceIndexes.length)),
      caveats: ['upscaled'],
    },
  ],
  elapsedMs: 5,
});

describe('the outcome of a prepared image', () => {
  it('takes the maximum over the scored faces and lists the others as too small', () => {
    const image = prepared([0.9, 0.8, 0.7], { slot: 'sbi', faceIndexes: [0, 2] });
    expect(scoredOutcome(detector('face-forgery'), image, Float32Array.of(0.25, 0.75))).toEqual({
      status: 'completed',
      reason: null,
      detail: null,
      score: 0.75,
      scored_regions: 2,
      faces: [
        { box: [0, 0, 100, 100], face_score: 0.9, score: 0.25, reason: null },
        { box: [1, 1, 101, 101], face_score: 0.8, score: null, reason: 'face_too_small' },
        { box: [2, 2, 102, 102], face_score: 0.7, score: 0.75, reason: null },
      ],
      image: { width: 640, height: 480 },
      caveats: ['upscaled'],
    });
  });

  it('takes the mean where the manifest says so', () => {
    const image = prepared([0.9, 0.8], { slot: 'sbi', faceIndexes: [0, 1] });
    expect(scoredOutcome(detector('face-forgery', 'mean'), image, Float32Array.of(0.25, 0.75)).score).toBe(0.5);
  });

  it('lists no faces for a detector of whole images', () => {
    const image = prepared([0.9], { slot: 'distildire', faceIndexes: [] });
    const outcome = scoredOutcome(detector('whole-image'), image, Float32Array.of(0.5));
    expect(outcome).toMatchObject({ score: 0.5, scored_regions: 1, faces: [] });
  });

  it.each([
    ['there is no face', [], 'no_face', 0],
    ['no face is sure enough', [0.55], 'no_face', 0],
    ['every face is too small', [0.9, 0.55], 'face_too_small', 1],
  ])('gives no number when %s', (_what, faceScores, reason, listed) => {
    const outcome = notApplicableOutcome(
      detector('face-forgery'),
      prepared(faceScores, { slot: 'sbi', faceIndexes: [] }),
    );
    expect(outcome).toMatchObject({ status: 'not_applicable', reason, score: null, scored_regions: 0 });
    expect(outcome?.faces).toHaveLength(listed);
    expect(outcome?.image).toEqual({ width: 640, height: 480 });
  });

  it('is an error of ours when the preparation of this detector failed', () => {
    const image = prepared([], { slot: 'distildire', faceIndexes: [] });
    image.inputs[0]!.problem = 'a wrong size';
    expect(() => notApplicableOutcome(detector('whole-image'), image)).toThrow(
      'the preparer failed for distildire: a wrong size',
    );
  });

  it('lets an image through that has a face to score', () => {
    expect(
      notApplicableOutcome(detector('face-forgery'), prepared([0.9], { slot: 'sbi', faceIndexes: [0] })),
    ).toBeNull();
  });
});

it('cuts the detail of an unavailable model to what a partial may hold', () => {
  const ref = { tenant: 'default', id: newDetectionId(1), revision: 1, slot: 'sbi' as const };
  const partial = buildPartial(ref, unavailableOutcome('x'.repeat(400)), {
    detector: { state: 'unavailable', slot: 'sbi', detail: 'x', answers: true },
    timings: null,
    deviceMs: 1.26,
    createdAtMs: 0,
  });
  expect(partial).toMatchObject({ status: 'skipped', reason: 'model_unavailable', detector: null, ...ref });
  expect(partial.detail).toHaveLength(300);
});
