import { describe, expect, it } from '@jest/globals';
import { cutNetInput, decodeBlazeFace } from './blazeface-decode.ts';

function output(
  set: (fine: Float32Array, coarse: Float32Array, fineBoxes: Float32Array, coarseBoxes: Float32Array) => void,
) {
  const fineScores = new Float32Array(512).fill(-1_000);
  const coarseScores = new Float32Array(384).fill(-1_000);
  const fineBoxes = new Float32Array(512 * 16);
  const coarseBoxes = new Float32Array(384 * 16);
  set(fineScores, coarseScores, fineBoxes, coarseBoxes);
  return { fineScores, coarseScores, fineBoxes, coarseBoxes };
}

describe('decoding BlazeFace', () => {
  it('puts a find at its cell of the fine grid, two to a cell', () => {
    const found = decodeBlazeFace(
      output((scores, _, boxes) => {
        // Row 2, column 3 of 16, second of the cell: centre (3.5, 2.5) x 16 px.
        const i = (2 * 16 + 3) * 2 + 1;
        scores[i] = 2;
        boxes.set([10, -4, 20, 30], i * 16);
      }),
      0.5,
    );
    expect(found).toEqual([{ box: [56, 21, 76, 51], score: 1 / (1 + Math.exp(-2)) }]);
  });

  it('puts a find at its cell of the coarse grid, six to a cell', () => {
    const found = decodeBlazeFace(
      output((_, scores, __, boxes) => {
        // Row 7, column 0 of 8, last of the cell: centre (0.5, 7.5) x 32 px.
        const i = 7 * 8 * 6 + 5;
        scores[i] = 1_000;
        boxes.set([0, 0, 64, 64], i * 16);
      }),
      0.5,
    );
    expect(found).toEqual([{ box: [-16, 208, 48, 272], score: 1 }]);
  });

  it('leaves out what is less likely than asked', () => {
    const answer = output((scores) => scores.set([0, -0.1]));
    expect(decodeBlazeFace(answer, 0.5)).toHaveLength(1);
    expect(decodeBlazeFace(answer, 0.4)).toHaveLength(2);
  });

  it('cuts a square with black where it leaves the picture', () => {
    const pixels = { data: Uint8Array.of(255, 0, 0, 0, 255, 0), width: 2, height: 1 };
    const input = cutNetInput(pixels, -127, -100);
    const at = (x: number, y: number) => Array.from(input.subarray((y * 256 + x) * 3, (y * 256 + x) * 3 + 3));
    expect(at(127, 100)).toEqual([1, -1, -1]);
    expect(at(128, 100)).toEqual([-1, 1, -1]);
    expect(input.filter((value) => value !== -1)).toHaveLength(2);
  });
});
