/**
 * Seconds after which to look again: half the age of the question, 1 to 30. It needs no look at any queue, starts quick
 * and leaves a long queue alone.
 */
export function retryAfterSeconds(ageMs: number): number {
  return Math.min(30, Math.max(1, Math.round(ageMs / 2_000)));
}
