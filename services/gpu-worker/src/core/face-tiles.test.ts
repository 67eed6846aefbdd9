import { describe, expect, it } from '@jest/globals';
import type { Box } from '@touchstone/shared/contracts/partial';
import {
  closeLooksAt,
  faceAtCandidate,
  mergeCandidates,
  mergeFaces,
  placeFind,
  planCloseLook,
  planFaceLooks,
  type FaceLook,
} from './face-tiles.ts';

/** Squares of the picture that the looks see, with the size that a face of 64 px has in them. */
function squaresOf(looks: FaceLook[]): { box: Box; netPx: number }[] {
  return looks.flatMap((look) =>
    look.corners.map((corner) => ({
      box: placeFind({ box: [0, 0, 256, 256], score: 1 }, look, corner).box,
      netPx: (64 * look.width) / look.region.width,
    })),
  );
}

describe('planning the looks for faces', () => {
  it('looks twice as closely at a picture of half the size', () => {
    const scales = (minFacePx: number) =>
      planFaceLooks(4_032, 3_024, minFacePx).map((look) => look.width / look.region.width);
    expect(scales(32)[1]).toBeCloseTo(2 * scales(64)[1]!, 2);
    expect(closeLooksAt({ box: [0, 0, 30, 30], score: 0.5 }, 32)).toEqual([2, 4]);
  });

  it('takes one letterboxed look where a face of 64 px is large enough in it', () => {
    const looks = planFaceLooks(1_024, 717, 64);
    expect(looks).toMatchObject([{ width: 256, height: 179, corners: [{ left: 0, top: -38 }] }]);
  });

  it.each([
    [4_032, 3_024],
    [1_920, 1_080],
    [5_120, 5_120],
    [9_000, 1_500],
    [1_400, 8_000],
  ])('shows every face of 64 px and more whole and large enough in some square of %ix%i', (width, height) => {
    const squares = squaresOf(planFaceLooks(width, height, 64));
    for (const side of [64, 100, 200, 340, 500, 1_000]) {
      for (let i = 0; i < 400; i++) {
        const left = ((i * 0.618) % 1) * (width - side);
        const top = ((i * 0.755) % 1) * (height - side);
        const isSeen = squares.some(
          ({ box, netPx }) =>
            box[0] <= left + 1 &&
            box[1] <= top + 1 &&
            box[2] >= left + side - 1 &&
            box[3] >= top + side - 1 &&
            (netPx * side) / 64 > 10,
        );
        expect({ side, left, top, isSeen }).toMatchObject({ isSeen: true });
      }
    }
  });

  it.each([
    [26_214_400, 1],
    [3_276_800, 8],
    [1, 200_000],
    [400_000, 65],
    [200_000, 131],
    [1, 1],
    [5_120, 5_120],
    [3_620, 3_620],
    [32_768, 400],
    [9_000, 1_456],
  ])('takes no more than 130 looks, whatever the shape: %ix%i', (width, height) => {
    for (const minFacePx of [64, 32]) {
      expect(squaresOf(planFaceLooks(width, height, minFacePx)).length).toBeLessThanOrEqual(130);
    }
  });

  it('looks at twelve tiles of a photo of 12 MP', () => {
    expect(planFaceLooks(4_032, 3_024, 64).map(({ corners }) => corners.length)).toEqual([1, 12]);
  });

  it('frames a candidate closely, also at the edge of the picture', () => {
    const inside = planCloseLook([400, 300, 500, 400], 2, 1_000, 800)!;
    expect(inside).toMatchObject({ region: { left: 350, top: 250, width: 200, height: 200 }, width: 256, height: 256 });
    expect(inside.corners).toEqual([{ left: 0, top: 0 }]);
    const atEdge = planCloseLook([-20, 0, 80, 100], 2, 1_000, 800)!;
    expect(atEdge).toMatchObject({ region: { left: 0, top: 0, width: 130, height: 150 }, width: 166, height: 192 });
    const middle = placeFind({ box: [128, 128, 128, 128], score: 1 }, atEdge, atEdge.corners[0]!).box;
    expect(middle.map(Math.round)).toEqual([30, 50, 30, 50]);
    expect(planCloseLook([2_000, 0, 2_010, 10], 2, 1_000, 800)).toBeNull();
  });

  it('looks twice at what may be scored and once at what is clearly too small', () => {
    expect(closeLooksAt({ box: [0, 0, 60, 60], score: 0.5 }, 64)).toEqual([2, 4]);
    expect(closeLooksAt({ box: [0, 0, 30, 30], score: 0.5 }, 64)).toEqual([4]);
  });
});

describe('merging what the looks found', () => {
  it('makes one candidate of a face that two tiles saw', () => {
    const candidates = mergeCandidates([
      { box: [100, 100, 200, 200], score: 0.8 },
      { box: [102, 99, 203, 198], score: 0.7 },
      { box: [500, 500, 800, 800], score: 0.6 },
    ]);
    expect(candidates).toHaveLength(2);
    expect(candidates[0]!.box[0]).toBe(500);
  });

  it('keeps at most 48 candidates, the largest', () => {
    const finds = Array.from({ length: 60 }, (_, i) => ({
      box: [i * 100, 0, i * 100 + 20 + i, 20 + i] as Box,
      score: 0.6,
    }));
    const candidates = mergeCandidates(finds);
    expect(candidates).toHaveLength(48);
    expect(candidates.at(-1)!.box[3]).toBe(32);
  });

  it('makes one face of a whole reading and of a part cut by the border of a tile', () => {
    const whole = { box: [100, 100, 200, 200] as Box, score: 0.9 };
    const part = { box: [150, 120, 200, 180] as Box, score: 0.7 };
    const other = { box: [210, 100, 260, 150] as Box, score: 0.8 };
    expect(mergeFaces([part, other, whole])).toEqual([whole, other]);
  });

  it('takes the best find of a close look at the place of the candidate, and none elsewhere', () => {
    const finds = [
      { box: [98, 98, 205, 205] as Box, score: 0.9 },
      { box: [300, 300, 350, 350] as Box, score: 0.95 },
    ];
    expect(faceAtCandidate([100, 100, 200, 200], finds)?.score).toBe(0.9);
    expect(faceAtCandidate([0, 0, 50, 50], finds)).toBeNull();
  });
});
