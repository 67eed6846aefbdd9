import { describe, expect, it } from '@jest/globals';
import { conformalBand, minPerClass } from './conformal-band.ts';
import { createSeededRandom } from './seeded-random.ts';

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1);

describe('the conformal band', () => {
  it('has the largest of 19 real scores as its upper end at 5 %, and none with 18', () => {
    expect(conformalBand(upTo(19), upTo(19), 0.05)).toEqual({ hi: 19, lo: 1 });
    expect(conformalBand(upTo(18), upTo(18), 0.05)).toEqual({ hi: null, lo: null });
  });

  it.each([
    [0.01, 99],
    [0.05, 19],
    [0.1, 9],
    [0.005, 199],
  ])('at %d needs %d images of each class, and no fewer', (alpha, count) => {
    expect(minPerClass(alpha)).toBe(count);
    expect(conformalBand(upTo(count), upTo(count), alpha)).toEqual({ hi: count, lo: 1 });
    expect(conformalBand(upTo(count - 1), upTo(count - 1), alpha)).toEqual({ hi: null, lo: null });
  });

  it('is not moved by rounding: (n + 1)(1 - alpha) is often a hair above a whole number', () => {
    for (const alpha of [0.01, 0.05, 0.1]) {
      for (const k of upTo(40)) {
        const n = Math.round(k / alpha) - 1;
        const band = conformalBand(upTo(n), upTo(n), alpha);
        expect(band).toEqual({ hi: n + 1 - k, lo: k });
      }
    }
  });

  it('crosses where the classes are far apart', () => {
    const band = conformalBand(
      upTo(100),
      upTo(100).map((score) => score + 1_000),
      0.05,
    );
    expect(band.hi!).toBeLessThan(band.lo!);
  });

  it('keeps its promise on scores that it never saw', () => {
    const random = createSeededRandom(5);
    const draw = () => Array.from({ length: 400 }, random);
    const rates = Array.from({ length: 200 }, () => {
      const { hi } = conformalBand(draw(), draw(), 0.05);
      return draw().filter((score) => score > hi!).length / 400;
    });
    const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
    expect(mean).toBeGreaterThan(0.045);
    expect(mean).toBeLessThan(0.053);
  });
});
