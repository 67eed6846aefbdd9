import { describe, expect, it } from '@jest/globals';
import { cropSquare, faceSquare, pickFaces } from './face-crop.ts';
import type { Face } from './prepared-image.ts';

const step = {
  op: 'crop-face',
  face_detector: 'blazeface-back-256',
  threshold: 0.7,
  scale: 1.06,
  shift_up: 0.046,
  min_side_px: 64,
  max_faces: 3,
} as const;
const face = (side: number, score = 0.9): Face => ({ box: [0, 0, side, side], score });

describe('cropping faces', () => {
  it('scores the largest faces that are sure and large enough', () => {
    expect(pickFaces([face(300), face(200, 0.6), face(150), face(100), face(90), face(60)], step)).toEqual([0, 2, 3]);
    expect(pickFaces([face(64), face(63.9)], step)).toEqual([0]);
    expect(pickFaces([], step)).toEqual([]);
  });

  it('takes a square of the longer side x scale, moved up by the share of its side', () => {
    const square = faceSquare({ box: [400, 300, 480, 400], score: 1 }, step);
    // Side 106; centre 440, 350 - 4.876.
    expect(square).toEqual({ left: 387, top: 292, side: 106 });
  });

  it('repeats the edge where the square leaves the picture', () => {
    const grey = [1, 2, 3, 4];
    const pixels = { data: Uint8Array.from(grey.flatMap((v) => [v, v, v])), width: 2, height: 2 };
    const { data, width, height } = cropSquare(pixels, { left: -1, top: -1, side: 4 });
    expect([width, height]).toEqual([4, 4]);
    const channel = Array.from(data).filter((_, i) => i % 3 === 1);
    expect(channel).toEqual([1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4]);
  });

  it.each([-9, 9])('repeats one corner when the square lies beyond it: %i', (offset) => {
    const pixels = { data: Uint8Array.from({ length: 27 }, (_, i) => i), width: 3, height: 3 };
    const { data } = cropSquare(pixels, { left: offset, top: offset, side: 2 });
    const corner = offset < 0 ? [0, 1, 2] : [24, 25, 26];
    expect(Array.from(data)).toEqual([...corner, ...corner, ...corner, ...corner]);
  });
});
