import { describe, expect, it } from '@jest/globals';
import { coverageOfSmaller, intersectionOverUnion, suppressOverlaps } from './suppress-overlaps.ts';

describe('suppressing overlaps', () => {
  it('measures overlap as shares of the union and of the smaller box', () => {
    expect(intersectionOverUnion([0, 0, 10, 10], [5, 0, 15, 10])).toBeCloseTo(1 / 3);
    expect(intersectionOverUnion([0, 0, 10, 10], [10, 0, 20, 10])).toBe(0);
    expect(coverageOfSmaller([0, 0, 10, 10], [2, 2, 4, 4])).toBe(1);
    expect(coverageOfSmaller([0, 0, 10, 10], [30, 30, 40, 40])).toBe(0);
  });

  it('makes one face of a group: the mean box by score, and the best score', () => {
    const faces = suppressOverlaps(
      [
        { box: [0, 0, 10, 10], score: 0.3 },
        { box: [2, 2, 12, 12], score: 0.9 },
        { box: [40, 40, 50, 50], score: 0.5 },
      ],
      0.3,
    );
    expect(faces).toHaveLength(2);
    expect(faces[0]!.score).toBe(0.9);
    expect(faces[0]!.box.map((side) => Math.round(side * 10) / 10)).toEqual([1.5, 1.5, 11.5, 11.5]);
    expect(faces[1]).toEqual({ box: [40, 40, 50, 50], score: 0.5 });
  });

  it('leaves neighbours that touch each other only a little', () => {
    const faces = suppressOverlaps(
      [
        { box: [0, 0, 10, 10], score: 0.9 },
        { box: [6, 0, 16, 10], score: 0.8 },
      ],
      0.3,
    );
    expect(faces).toHaveLength(2);
  });

  it('says nothing about nothing', () => {
    expect(suppressOverlaps([], 0.3)).toEqual([]);
  });
});
