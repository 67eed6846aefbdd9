import type { PreparationStep } from '@touchstone/models/manifest';
import { longerSide } from './face-tiles.ts';
import type { Pixels } from '@touchstone/imaging/pixels';
import type { Face } from './prepared-image.ts';

type CropFaceStep = Extract<PreparationStep, { op: 'crop-face' }>;
type Square = { left: number; top: number; side: number };

/** Indexes of the faces that a detector scores: sure and large enough, the largest first. `faces` are sorted so. */
export function pickFaces(faces: readonly Face[], step: CropFaceStep): number[] {
  return faces
    .flatMap((face, i) => (face.score >= step.threshold && longerSide(face.box) >= step.min_side_px ? [i] : []))
    .slice(0, step.max_faces);
}

/** The square around a face that a bundle was measured with: side and shift are those of its manifest. */
export function faceSquare({ box }: Face, step: Pick<CropFaceStep, 'scale' | 'shift_up'>): Square {
  const side = Math.max(1, longerSide(box) * step.scale);
  const centreX = (box[0] + box[2]) / 2;
  const centreY = (box[1] + box[3]) / 2 - step.shift_up * side;
  return { left: Math.round(centreX - side / 2), top: Math.round(centreY - side / 2), side: Math.round(side) };
}

/** Cuts a square; where it leaves the picture, the picture's edge is repeated. */
export function cropSquare(pixels: Pixels, { left, top, side }: Square): Pixels {
  const data = new Uint8Array(side * side * 3);
  const column = (x: number) => Math.min(Math.max(x, 0), pixels.width - 1);
  const insideFrom = Math.min(Math.max(-left, 0), side);
  const insideTo = Math.max(Math.min(pixels.width - left, side), insideFrom);
  for (let y = 0; y < side; y++) {
    const row = Math.min(Math.max(top + y, 0), pixels.height - 1) * pixels.width;
    const repeat = (from: number, to: number) => {
      for (let x = from; x < to; x++) {
        const p = (row + column(left + x)) * 3;
        data.set(pixels.data.subarray(p, p + 3), (y * side + x) * 3);
      }
    };
    repeat(0, insideFrom);
    data.set(
      pixels.data.subarray((row + left + insideFrom) * 3, (row + left + insideTo) * 3),
      (y * side + insideFrom) * 3,
    );
    repeat(insideTo, side);
  }
  return { data, width: side, height: side };
}
