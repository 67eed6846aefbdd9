import { describe, expect, it } from '@jest/globals';
import { createSeededRandom } from '@touchstone/fusion/seeded-random';
import { createKillPlan, killsWithin, kindnessMs } from './kill-plan.ts';

const uptimes = (seed: number, count: number) => {
  const plan = createKillPlan(createSeededRandom(seed));
  return Array.from({ length: count }, () => plan.nextUptimeMs(1_000));
};

describe('the schedule of kills', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(uptimes(7, 5)).toEqual(uptimes(7, 5));
    expect(uptimes(8, 5)).not.toEqual(uptimes(7, 5));
  });

  it('leaves a role a mean uptime of at least five times its start-up, and never much less', () => {
    const [, ...later] = uptimes(1, 1_000);
    expect(later.reduce((sum, ms) => sum + ms, 0) / later.length).toBeGreaterThan(5_000);
    expect(Math.min(...later)).toBeGreaterThan(3_000);
  });

  it('may kill a role at once that has been running for a while', () => {
    const firsts = Array.from({ length: 200 }, (_, seed) => uptimes(seed, 1)[0]!);
    expect(Math.min(...firsts)).toBeLessThan(500);
    expect(Math.max(...firsts)).toBeGreaterThan(5_000);
  });

  it('puts a kill off that would leave the role less than five start-ups for a life', () => {
    expect(kindnessMs({ lives: 1, readyMs: 4_000 }, 1_000)).toBe(1_000);
    expect(kindnessMs({ lives: 2, readyMs: 13_000 }, 1_000)).toBe(0);
  });

  it('foretells how many kills a window has room for', () => {
    expect(killsWithin(65_000, [1_000, 2_000])).toBe(15);
  });
});
