import { expect, it } from '@jest/globals';
import { estimateWaitMs, type Load } from './estimate-wait.ts';

const WINDOWS_MS = [60_000, 10_000];
const load = (more: Partial<Load> = {}): Load => ({
  waiting: { first: 0, all: 0 },
  oldestAgeMs: { first: 0, all: 0 },
  active: 0,
  completed: [0, 0],
  ...more,
});
const estimate = (more: Partial<Load>, goesFirst = false) => estimateWaitMs([load(more)], goesFirst, WINDOWS_MS);

it('is nothing where nothing waits, however slow the queue was', () => {
  expect(estimate({ active: 9, completed: [1, 0] })).toBe(0);
});

it('is what is ahead at the rate of a window in which the queue was never out of work', () => {
  const waiting = { first: 0, all: 110 };
  expect(estimate({ waiting, active: 10, completed: [60, 20], oldestAgeMs: { first: 0, all: 70_000 } })).toBe(120_000);
  // Work came only 15 s ago: what was done before says nothing of how fast it can be.
  expect(estimate({ waiting, active: 10, completed: [22, 20], oldestAgeMs: { first: 0, all: 15_000 } })).toBe(60_000);
});

it('is unknown for a burst that came just now', () => {
  const young = { waiting: { first: 0, all: 5_000 }, oldestAgeMs: { first: 0, all: 2_000 }, completed: [5, 5] };
  expect(estimate(young)).toBeNull();
});

it('is at least the age of the oldest where nothing is completed', () => {
  const stuck = { waiting: { first: 1, all: 3 }, oldestAgeMs: { first: 20_000, all: 600_000 } };
  expect(estimate(stuck)).toBe(600_000);
  expect(estimate(stuck, true)).toBe(20_000);
});

it('counts only jobs that hold the line for a client who does', () => {
  const busy = { waiting: { first: 10, all: 10_000 }, completed: [60, 10], oldestAgeMs: { first: 0, all: 900_000 } };
  expect(estimate(busy, true)).toBe(10_000);
  expect(estimate(busy)).toBe(10_000_000);
  expect(estimate({ ...busy, waiting: { first: 0, all: 10_000 } }, true)).toBe(0);
});

it('is that of the slowest queue, and of the others where one is unknown', () => {
  const slow = load({ waiting: { first: 0, all: 60 }, completed: [60, 10], oldestAgeMs: { first: 0, all: 60_000 } });
  const young = load({ waiting: { first: 0, all: 5 }, completed: [1, 1], oldestAgeMs: { first: 0, all: 1 } });
  expect(estimateWaitMs([load(), slow, young], false, WINDOWS_MS)).toBe(60_000);
  expect(estimateWaitMs([], false, WINDOWS_MS)).toBeNull();
});
