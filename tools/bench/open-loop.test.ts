import { describe, expect, it } from '@jest/globals';
import { poissonTimes, runOpenLoop } from './open-loop.ts';

describe('the open loop', () => {
  it('is the same stream for the same seed and another one for another', () => {
    expect(poissonTimes(50, 2, 7)).toEqual(poissonTimes(50, 2, 7));
    expect(poissonTimes(50, 2, 7)).not.toEqual(poissonTimes(50, 2, 8));
  });

  it('has the rate that was asked for, in ascending order and within its time', () => {
    const times = poissonTimes(100, 200, 1);
    expect(times.length / 200).toBeGreaterThan(97);
    expect(times.length / 200).toBeLessThan(103);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(times.at(-1)).toBeLessThan(200_000);
  });

  it('scatters as a Poisson stream does: the gaps deviate by as much as their mean', () => {
    const times = poissonTimes(100, 200, 2);
    const gaps = times.slice(1).map((time, i) => time - times[i]!);
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
    const deviation = Math.sqrt(gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length);
    expect(deviation / mean).toBeGreaterThan(0.95);
    expect(deviation / mean).toBeLessThan(1.05);
  });

  it('sends what is due although nothing is answered, tells when it was due and counts what failed', async () => {
    const release = Promise.withResolvers<void>();
    const due: number[] = [];
    const failed = await runOpenLoop([0, 5, 10], async (dueMs) => {
      due.push(dueMs);
      if (due.length === 3) release.resolve();
      await release.promise;
      if (due[1] === dueMs) throw new Error('refused');
    });
    expect(failed).toBe(1);
    expect(due[1]! - due[0]!).toBeCloseTo(5, 3);
    expect(due[2]! - due[0]!).toBeCloseTo(10, 3);
  });
});
