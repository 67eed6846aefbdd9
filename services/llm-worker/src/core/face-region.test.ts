import { describe, expect, it } from '@jest/globals';
import { planFaceRegions } from './face-region.ts';

const image = { width: 1_000, height: 800 };

describe('regions of faces', () => {
  it('are squares around the face, with its surroundings', () => {
    expect(planFaceRegions([[400, 300, 500, 400]], image, image)).toEqual([
      { left: 370, top: 270, width: 160, height: 160 },
    ]);
  });

  it('end at the edge of the picture', () => {
    expect(planFaceRegions([[-20, 700, 80, 820]], image, image)).toEqual([
      { left: 0, top: 664, width: 126, height: 136 },
    ]);
  });

  it('are the two largest, the largest first', () => {
    const regions = planFaceRegions(
      [
        [0, 0, 50, 50],
        [200, 200, 400, 400],
        [600, 600, 700, 700],
      ],
      image,
      image,
    );
    expect(regions.map(({ width }) => width)).toEqual([320, 160]);
  });

  it('are scaled to a picture that was decoded at half size', () => {
    const decoded = { width: 500, height: 400 };
    expect(planFaceRegions([[400, 300, 500, 400]], image, decoded)).toEqual([
      { left: 185, top: 135, width: 80, height: 80 },
    ]);
  });

  it('leave out what is too small to be shown, or not in the picture', () => {
    expect(planFaceRegions([[400, 300, 415, 315]], image, image)).toEqual([]);
    expect(planFaceRegions([[2_000, 300, 2_100, 400]], image, image)).toEqual([]);
  });
});
