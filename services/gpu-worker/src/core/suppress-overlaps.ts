import type { Box } from '@touchstone/shared/contracts/partial';
import type { Face } from './prepared-image.ts';

const areaOf = ([left, top, right, bottom]: Box) => Math.max(0, right - left) * Math.max(0, bottom - top);

const intersectionOf = (a: Box, b: Box) =>
  areaOf([Math.max(a[0], b[0]), Math.max(a[1], b[1]), Math.min(a[2], b[2]), Math.min(a[3], b[3])]);

export function intersectionOverUnion(a: Box, b: Box): number {
  const common = intersectionOf(a, b);
  return common === 0 ? 0 : common / (areaOf(a) + areaOf(b) - common);
}

/** Share of the smaller box that lies in the other one. */
export function coverageOfSmaller(a: Box, b: Box): number {
  const common = intersectionOf(a, b);
  return common === 0 ? 0 : common / Math.min(areaOf(a), areaOf(b));
}

/**
 * One face per group of finds that overlap the best of them by more than `maxOverlap`: its box is the mean of the
 * group weighted by score, as in the original, and its score the best one.
 */
export function suppressOverlaps(finds: readonly Face[], maxOverlap: number): Face[] {
  const faces: Face[] = [];
  let left = finds.toSorted((a, b) => b.score - a.score);
  while (left.length > 0) {
    const best = left[0]!;
    const isSame = (face: Face) => face === best || intersectionOverUnion(face.box, best.box) > maxOverlap;
    const group = left.filter(isSame);
    left = left.filter((face) => !isSame(face));
    const total = group.reduce((sum, { score }) => sum + score, 0);
    const mean = (side: 0 | 1 | 2 | 3) => group.reduce((sum, { box, score }) => sum + box[side] * score, 0) / total;
    faces.push({ box: [mean(0), mean(1), mean(2), mean(3)], score: best.score });
  }
  return faces;
}
