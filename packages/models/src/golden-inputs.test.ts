import { describe, expect, it } from '@jest/globals';
import { makeGoldenPixels, makeGoldenTensor } from './golden-inputs.ts';

/** First bytes and sums that the training tool, in Python, stated for its own inputs. */
const stated = [
  {
    name: 'hash',
    first: [0, 158, 60, 218, 120, 23, 181, 83, 241, 143, 46, 204],
    sum160: 9_791_898,
    sum224: 19_192_379,
  },
  { name: 'gradient', first: [0, 40, 80, 1, 41, 81, 2, 42, 82, 3, 43, 83], sum160: 10_000_896, sum224: 19_219_968 },
  { name: 'blocks', first: [60, 75, 90, 60, 75, 90, 60, 75, 90, 60, 75, 90], sum160: 10_368_000, sum224: 20_321_280 },
  { name: 'mixed', first: [0, 9, 3, 13, 7, 1, 12, 6, 16, 9, 3, 13], sum160: 6_662_389, sum224: 17_875_200 },
] as const;
const sum = (bytes: Uint8Array) => bytes.reduce((total, byte) => total + byte, 0);

describe('golden inputs', () => {
  it.each(stated)('$name has the bytes that the training tool stated', ({ name, first, sum160, sum224 }) => {
    const small = makeGoldenPixels(name, 160, 160);
    expect([...small.subarray(0, 12)]).toEqual(first);
    expect(sum(small)).toBe(sum160);
    expect(sum(makeGoldenPixels(name, 224, 224))).toBe(sum224);
  });

  it('becomes planes of R, G and B between -1 and 1 for a float tensor', () => {
    const spec = { type: 'float32', layout: 'NCHW', width: 2, height: 2 } as const;
    const values = makeGoldenTensor('gradient', spec);
    // Red is x + 2y = 0, 1, 2, 3; green and blue are 40 and 80 more.
    expect([...values]).toEqual(
      [0, 1, 2, 3, 40, 41, 42, 43, 80, 81, 82, 83].map((byte) => Math.fround(byte / 127.5 - 1)),
    );
  });
});
