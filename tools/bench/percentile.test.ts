import { describe, expect, it } from '@jest/globals';
import { mean, median, percentile } from './percentile.ts';

describe('percentile', () => {
  it('interpolates between neighbours, whatever the order of the values', () => {
    expect(percentile([40, 10, 30, 20], 0.5)).toBe(25);
    expect(percentile([40, 10, 30, 20], 0)).toBe(10);
    expect(percentile([40, 10, 30, 20], 1)).toBe(40);
    expect(
      percentile(
        Array.from({ length: 101 }, (_, i) => i),
        0.99,
      ),
    ).toBeCloseTo(99);
  });

  it('is infinite where the values are', () => {
    expect(percentile([1, Infinity, Infinity, Infinity], 0.5)).toBe(Infinity);
    expect(percentile([1, 2, Infinity], 0.5)).toBe(2);
  });

  it('leaves the values as they were', () => {
    const values = [3, 1, 2];
    expect(median(values)).toBe(2);
    expect(values).toEqual([3, 1, 2]);
  });

  it('has no answer for nothing', () => {
    expect(() => percentile([], 0.5)).toThrow('no values');
    expect(mean([1, 2, 6])).toBe(3);
  });
});
