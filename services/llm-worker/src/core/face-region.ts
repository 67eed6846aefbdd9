import type { Box } from '@touchstone/shared/contracts/partial';

/** Cut in whole px. */
export type Region = { left: number; top: number; width: number; height: number };

/** Faces shown on their own, the largest first. */
const MAX_FACES = 2;
/** Side of the cut in units of the longer side of the box: hair, ears and the edge to the background belong to it. */
const SCALE = 1.6;
/** A smaller cut, enlarged, shows only the enlargement. */
const MIN_SIDE_PX = 32;

/**
 * Squares around the largest faces, cut at the edges of the picture. Boxes are in px of the image in full size; the
 * regions are in px of `decoded`, which may be half as large.
 */
export function planFaceRegions(
  faces: readonly Box[],
  image: { width: number; height: number },
  decoded: { width: number; height: number },
): Region[] {
  const side = ([left, top, right, bottom]: Box) => Math.max(right - left, bottom - top);
  return faces
    .toSorted((a, b) => side(b) - side(a))
    .slice(0, MAX_FACES)
    .map((box) => {
      const half = (SCALE * side(box)) / 2;
      const scaleX = decoded.width / image.width;
      const scaleY = decoded.height / image.height;
      const [centreX, centreY] = [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2];
      const left = clamp(Math.round((centreX - half) * scaleX), decoded.width);
      const top = clamp(Math.round((centreY - half) * scaleY), decoded.height);
      const right = clamp(Math.round((centreX + half) * scaleX), decoded.width);
      const bottom = clamp(Math.round((centreY + half) * scaleY), decoded.height);
      return { left, top, width: right - left, height: bottom - top };
    })
    .filter(({ width, height }) => Math.min(width, height) >= MIN_SIDE_PX);
}

const clamp = (value: number, max: number) => Math.min(max, Math.max(0, value));
