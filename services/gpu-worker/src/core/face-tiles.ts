import type { Box } from '@touchstone/shared/contracts/partial';
import { NET_SIDE } from './blazeface-decode.ts';
import type { Window } from './resize-target.ts';
import type { Face } from './prepared-image.ts';
import { coverageOfSmaller, intersectionOverUnion, suppressOverlaps } from './suppress-overlaps.ts';

/**
 * What the face detector looks at: `region` of the picture, scaled to `width` x `height`, and the squares of 256 px of
 * that copy, by their upper left corners. A square may reach beyond the copy.
 */
export type FaceLook = { region: Window; width: number; height: number; corners: Corner[] };
export type Corner = { left: number; top: number };

/**
 * How faces are found, as measured on the photos of the fixtures and on crops of the training folders:
 * - The look at the whole picture and its tiles finds candidates: real faces down to 10 net px score .5 and more there,
 *   but so do animals, plush, fruit and foliage (cats .76, while the weakest of nine people in a group has .73).
 * - Each candidate gets two close looks, in which it is 1/2 and 1/4 of the frame. A face stands both, most other things
 *   one at best. The mean of the two scores is the face's. At a threshold of .70 all 255 real portraits and face crops
 *   are found and 84 of 90 swapped ones; of 391 pictures of goods, clothes, food, animals and nature 2 show a false
 *   face. In the photos people have .79 and more, the rest nothing. At .65 seven more false faces come in.
 * - The box is that of the first close look: the framing in which the crop geometry of the bundles was measured.
 * - Candidates clearly too small to be scored get the second look only: they are listed, and a class photo has fifty.
 */
export const CANDIDATE_SCORE = 0.5;
/** Share of the smallest face that is scored. The near look's box may be a little larger than the candidate's. */
const CLEARLY_TOO_SMALL = 0.75;
const NEAR_LOOK_SIDES = 2;
const WIDE_LOOK_SIDES = 4;
/** Bounds the time of a picture full of candidates: a look takes about 12 ms. */
const MAX_CANDIDATES = 48;

/** A face must be this large on the network's input to count as findable: at 10 px some score below .6. */
const FINDABLE_NET_PX = 12;
/** Tiles overlap by this much, so that a face up to this size lies whole in one of them; the others see larger ones. */
const TILE_OVERLAP = 64;
const MAX_TILES = 64;
const MAX_SAME_FACE_OVERLAP = 0.3;
const MAX_SAME_FACE_COVERAGE = 0.7;

/**
 * The whole picture, letterboxed, and tiles where faces worth a score would be too small in it: their scale makes a
 * face of `minFacePx` 12 px large. Very long pictures get coarser tiles in between. Pictures too thin for a face get no
 * look.
 */
export function planFaceLooks(width: number, height: number, minFacePx: number): FaceLook[] {
  const region = { left: 0, top: 0, width, height };
  const wholeScale = NET_SIDE / Math.max(width, height);
  const whole = scaledLook(region, wholeScale);
  if (Math.min(width, height) < FINDABLE_NET_PX) return [];
  const looks = [whole];
  for (let scale = FINDABLE_NET_PX / minFacePx; scale > wholeScale; scale /= NET_SIDE / TILE_OVERLAP) {
    const tiles = scaledLook(region, scale);
    if (Math.min(tiles.width, tiles.height) >= FINDABLE_NET_PX && tiles.corners.length <= MAX_TILES) looks.push(tiles);
  }
  return looks;
}

/** Frames of the looks that a candidate has to stand, in units of its longer side; the first one's box is kept. */
export const closeLooksAt = ({ box }: Face, minFacePx: number): number[] =>
  longerSide(box) < CLEARLY_TOO_SMALL * minFacePx ? [WIDE_LOOK_SIDES] : [NEAR_LOOK_SIDES, WIDE_LOOK_SIDES];

/** The part of the picture around a candidate, of `sides` times its size; null outside the picture. */
export function planCloseLook(box: Box, sides: number, width: number, height: number): FaceLook | null {
  const side = longerSide(box) * sides;
  const left = (box[0] + box[2] - side) / 2;
  const top = (box[1] + box[3] - side) / 2;
  const region = clip({ left, top, width: side, height: side }, width, height);
  if (region === null) return null;
  const scale = NET_SIDE / side;
  const corner = { left: Math.round((left - region.left) * scale), top: Math.round((top - region.top) * scale) };
  return { ...scaledLook(region, scale), corners: [corner] };
}

function clip(wanted: Window, width: number, height: number): Window | null {
  const left = Math.max(0, Math.round(wanted.left));
  const top = Math.max(0, Math.round(wanted.top));
  const right = Math.min(width, Math.round(wanted.left + wanted.width));
  const bottom = Math.min(height, Math.round(wanted.top + wanted.height));
  return right > left && bottom > top ? { left, top, width: right - left, height: bottom - top } : null;
}

function scaledLook(region: Window, scale: number): FaceLook {
  const width = Math.max(1, Math.round(region.width * scale));
  const height = Math.max(1, Math.round(region.height * scale));
  const corners = tileStarts(height).flatMap((top) => tileStarts(width).map((left) => ({ left, top })));
  return { region, width, height, corners };
}

/** Starts of the tiles along one axis: one centred on a short axis, else evenly spread from edge to edge. */
function tileStarts(length: number): number[] {
  const rest = length - NET_SIDE;
  if (rest <= 0) return [Math.ceil(rest / 2)];
  const steps = Math.ceil(rest / (NET_SIDE - TILE_OVERLAP));
  return Array.from({ length: steps + 1 }, (_, i) => Math.round((i * rest) / steps));
}

/** A find of one square, in px of the picture. */
export function placeFind(find: Face, look: FaceLook, corner: Corner): Face {
  const { region, width, height } = look;
  const x = (value: number) => region.left + ((corner.left + value) * region.width) / width;
  const y = (value: number) => region.top + ((corner.top + value) * region.height) / height;
  const [left, top, right, bottom] = find.box;
  return { box: [x(left), y(top), x(right), y(bottom)], score: find.score };
}

/** The face that a close look sees at the candidate's place, or null. */
export function faceAtCandidate(candidate: Box, finds: readonly Face[]): Face | null {
  const faces = suppressOverlaps(finds, MAX_SAME_FACE_OVERLAP);
  return faces.find(({ box }) => intersectionOverUnion(box, candidate) > MAX_SAME_FACE_OVERLAP) ?? null;
}

/** Candidates of all looks without doubles, in the order in which they deserve a close look: largest first. */
export function mergeCandidates(finds: readonly Face[]): Face[] {
  return suppressOverlaps(finds, MAX_SAME_FACE_OVERLAP).toSorted(byLongerSide).slice(0, MAX_CANDIDATES);
}

/**
 * Confirmed faces without doubles, largest first. Two candidates of one face, such as a part of it at a tile's border,
 * end in nearly the same box; a box inside another is the weaker reading of it.
 */
export function mergeFaces(confirmed: readonly Face[]): Face[] {
  const kept: Face[] = [];
  for (const face of confirmed.toSorted((a, b) => b.score - a.score)) {
    const isKnown = kept.some(
      ({ box }) =>
        intersectionOverUnion(box, face.box) > MAX_SAME_FACE_OVERLAP ||
        coverageOfSmaller(box, face.box) > MAX_SAME_FACE_COVERAGE,
    );
    if (!isKnown) kept.push(face);
  }
  return kept.toSorted(byLongerSide);
}

export const longerSide = ([left, top, right, bottom]: Box) => Math.max(right - left, bottom - top);
const byLongerSide = (a: Face, b: Face) => longerSide(b.box) - longerSide(a.box);
