/** Thresholds on a score; null where the calibration set is too small to set one. */
export type ConformalBand = { lo: number | null; hi: number | null };

/** Rounding noise must not move a rank: 20 x 0.95 is 19, not 19.000000000000004 and so 20. */
const GUARD = 1e-9;

/**
 * Class-conditional split conformal (llm-and-fusion.md B2). Of new images like these at most `alpha` of the real ones
 * score above `hi`, and at most `alpha` of the fakes below `lo`. Where the two cross, every threshold between them keeps
 * both promises; `fuse` takes the middle.
 */
export function conformalBand(
  realScores: readonly number[],
  fakeScores: readonly number[],
  alpha: number,
): ConformalBand {
  const highRank = Math.ceil((realScores.length + 1) * (1 - alpha) - GUARD);
  const lowRank = Math.floor((fakeScores.length + 1) * alpha + GUARD);
  return {
    hi: highRank > realScores.length ? null : ascending(realScores)[highRank - 1]!,
    lo: lowRank < 1 ? null : ascending(fakeScores)[lowRank - 1]!,
  };
}

/** Images of each class below which an operating point promises nothing: 99 for 1 %, 19 for 5 %. */
export const minPerClass = (alpha: number): number => Math.ceil(1 / alpha - GUARD) - 1;

const ascending = (scores: readonly number[]) => scores.toSorted((a, b) => a - b);
