import type { Verdict } from '@touchstone/shared/contracts/vocabulary';

export type Band = { lo: number | null; hi: number | null };
export type Decision = Extract<Verdict, 'manipulated' | 'authentic' | 'inconclusive'>;

/** An open end decides nothing. Thresholds that cross keep their guarantees anywhere between them: take the middle. */
export function decide(probability: number, band: Band): Decision {
  const crossed = band.lo !== null && band.hi !== null && band.hi < band.lo;
  const middle = crossed ? (band.lo! + band.hi!) / 2 : null;
  const lo = middle ?? band.lo;
  const hi = middle ?? band.hi;
  if (hi !== null && probability > hi) return 'manipulated';
  if (lo !== null && probability < lo) return 'authentic';
  return 'inconclusive';
}
