import { describe, expect, it } from '@jest/globals';
import { missesOf, USUAL_LIMITS, type Judged } from './report.ts';

const sound = (more: Partial<Judged> = {}): Judged => ({
  accepted: 400,
  verdicts: 400,
  lost: 0,
  contradictory: 0,
  duplicates: 0,
  untold: 0,
  recoveryP50Ms: 500,
  recoveryP99Ms: 15_000,
  drainMs: 10_000,
  webhookDrainMs: 12_000,
  notFound: 0,
  slowest: [],
  suspects: [],
  ...more,
});

describe('what a scenario must hold', () => {
  it('is held by a sound run', () => {
    expect(missesOf(sound({ duplicates: 20 }), 400, USUAL_LIMITS)).toEqual([]);
  });

  it.each([
    [{ accepted: 399 }, '1 of 400 were never accepted'],
    [{ lost: 1 }, '1 lost'],
    [{ contradictory: 1 }, '1 contradictory'],
    [{ untold: 2 }, '2 webhooks not delivered'],
    [{ notFound: 1 }, '1 answers 404 to an accepted id'],
    [{ duplicates: 21 }, '21 duplicates, more than 20'],
    [{ recoveryP99Ms: 20_001 }, 'recovery p99 above 20000 ms'],
    [{ drainMs: null }, 'drain above 60000 ms'],
  ])('is missed with %j', (more, miss) => {
    expect(missesOf(sound(more), 400, USUAL_LIMITS)).toEqual([miss]);
  });
});
