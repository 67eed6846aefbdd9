import { describe, expect, it } from '@jest/globals';
import { setImmediate as turn } from 'node:timers/promises';
import { runClosedLoop } from './closed-loop.ts';

describe('the closed loop', () => {
  it('opens its window after the warm-up and closes it after the count, both at a completion', async () => {
    let completed = 0;
    const edges: [string, number][] = [];
    const run = await runClosedLoop({
      clients: 3,
      warmUp: 4,
      count: 10,
      onWindow: (edge) => edges.push([edge, completed]),
      one: async () => {
        await turn();
        completed += 1;
      },
    });
    expect(edges).toEqual([
      ['open', 4],
      ['close', 14],
    ]);
    expect(run).toMatchObject({ counted: 10, failed: 0 });
    expect(run.perSecond).toBeGreaterThan(0);
  });

  it('never has more requests underway than callers', async () => {
    let underway = 0;
    let most = 0;
    await runClosedLoop({
      clients: 3,
      warmUp: 1,
      count: 12,
      one: async () => {
        underway += 1;
        most = Math.max(most, underway);
        await turn();
        underway -= 1;
      },
    });
    expect(most).toBe(3);
  });

  it('counts failures apart, and gives up when there is nothing else', async () => {
    let calls = 0;
    const run = await runClosedLoop({
      clients: 1,
      warmUp: 1,
      count: 3,
      one: async () => {
        calls += 1;
        if (calls === 2) throw new Error('no');
      },
    });
    expect(run.failed).toBe(1);
    await expect(
      runClosedLoop({ clients: 2, warmUp: 1, count: 3, one: () => Promise.reject(new Error('never')) }),
    ).rejects.toThrow('never');
  });
});
