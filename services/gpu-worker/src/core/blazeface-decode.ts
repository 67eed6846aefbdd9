import type { Pixels } from '@touchstone/imaging/pixels';
import type { Face } from './prepared-image.ts';

/** Side of the network's input in px. */
export const NET_SIDE = 256;

/** What the network answers for one picture: 512 finds on the fine grid, 384 on the coarse one. */
export type BlazeFaceOutput = {
  fineScores: Float32Array;
  coarseScores: Float32Array;
  fineBoxes: Float32Array;
  coarseBoxes: Float32Array;
};

/** Numbers per find: the centre's offset, width and height, then six points of the face. */
const REGRESSORS = 16;
const GRIDS = [
  { cells: 16, perCell: 2 },
  { cells: 8, perCell: 6 },
] as const;

/** Finds of at least `minScore`, with boxes in px of the network's input. Source: detectors.md section 5.4. */
export function decodeBlazeFace(output: BlazeFaceOutput, minScore: number): Face[] {
  const finds: Face[] = [];
  GRIDS.forEach(({ cells, perCell }, grid) => {
    const scores = grid === 0 ? output.fineScores : output.coarseScores;
    const boxes = grid === 0 ? output.fineBoxes : output.coarseBoxes;
    for (let i = 0; i < cells * cells * perCell; i++) {
      const score = sigmoid(scores[i]!);
      if (score < minScore) continue;
      const cell = Math.floor(i / perCell);
      const at = i * REGRESSORS;
      const centreX = (((cell % cells) + 0.5) / cells) * NET_SIDE + boxes[at]!;
      const centreY = ((Math.floor(cell / cells) + 0.5) / cells) * NET_SIDE + boxes[at + 1]!;
      const halfWidth = boxes[at + 2]! / 2;
      const halfHeight = boxes[at + 3]! / 2;
      finds.push({
        box: [centreX - halfWidth, centreY - halfHeight, centreX + halfWidth, centreY + halfHeight],
        score,
      });
    }
  });
  return finds;
}

const sigmoid = (logit: number) => 1 / (1 + Math.exp(-Math.min(Math.max(logit, -100), 100)));

/**
 * The network's input: the square of a picture whose upper left corner is at `left`, `top`, black where it leaves the
 * picture; rows of RGB values v / 127.5 - 1.
 */
export function cutNetInput(pixels: Pixels, left: number, top: number): Float32Array {
  const input = new Float32Array(NET_SIDE * NET_SIDE * 3).fill(-1);
  const fromX = Math.max(left, 0);
  const toX = Math.min(left + NET_SIDE, pixels.width);
  const toY = Math.min(top + NET_SIDE, pixels.height);
  for (let y = Math.max(top, 0); y < toY; y++) {
    let out = ((y - top) * NET_SIDE + fromX - left) * 3;
    const end = (y * pixels.width + toX) * 3;
    for (let p = (y * pixels.width + fromX) * 3; p < end; p++) input[out++] = pixels.data[p]! / 127.5 - 1;
  }
  return input;
}
