import { describe, expect, it } from '@jest/globals';
import { decideRestart } from './restart-policy.ts';

/** Delays of a process that lives so long each time, null meaning that it never becomes ready. */
const delaysOf = (lives: readonly (number | null)[]): number[] => {
  let shortLives = 0;
  return lives.map((readyForMs) => {
    const decision = decideRestart(shortLives, readyForMs);
    shortLives = decision.shortLives;
    return decision.delayMs;
  });
};

describe('the restart policy', () => {
  it('starts a process that had run at once, however often it dies', () => {
    expect(delaysOf([2_000, 60_000, 2_500, 2_000, 9_000])).toEqual([0, 0, 0, 0, 0]);
  });

  it('backs off from the third short life in a row, doubling up to five seconds', () => {
    expect(delaysOf(Array(10).fill(1_999))).toEqual([0, 0, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
  });

  it('counts a process that never was ready as short-lived', () => {
    expect(delaysOf([null, 10, null])).toEqual([0, 0, 100]);
  });

  it('forgets short lives once the process has run', () => {
    expect(delaysOf([null, null, 2_000, null, null, null])).toEqual([0, 0, 0, 0, 0, 100]);
  });

  it('says when there were too many', () => {
    expect([0, 1, 2].map((before) => decideRestart(before, null).tooMany)).toEqual([false, false, true]);
  });
});
