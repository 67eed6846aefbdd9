import { describe, expect, it } from '@jest/globals';
import { decodeOutput } from './decode-output.ts';

const decode = (values: number[], count: number, spec: Partial<Parameters<typeof decodeOutput>[2]>) => [
  ...decodeOutput(Float32Array.from(values), count, { value: 'p', decode: 'probability', index: 0, width: 1, ...spec }),
];

describe('decoding the last value of a bundle', () => {
  it.each([
    ['probability', 0.25, 0.25],
    ['one-minus-probability', 0.25, 0.75],
    ['sigmoid', Math.log(3), 0.75],
    ['one-minus-sigmoid', Math.log(3), 0.25],
  ] as const)('reads %s', (kind, value, expected) => {
    expect(decode([value], 1, { decode: kind })[0]).toBeCloseTo(expected, 6);
  });

  it('reads the class of a softmax, also where the logits are too large to be raised to a power', () => {
    const logits = [1000, 1000 + Math.log(3), 0, Math.log(4)];
    const scores = decode(logits, 2, { decode: 'softmax', index: 1, width: 2 });
    expect(scores[0]).toBeCloseTo(0.75, 4);
    expect(scores[1]).toBeCloseTo(0.8, 6);
  });

  it.each([Number.NaN, 1.5, -0.2])('refuses %p as a probability', (value) => {
    expect(() => decode([value], 1, {})).toThrow('no probability');
  });

  it('refuses a graph that gives another number of values than there are images', () => {
    expect(() => decode([0.5, 0.5], 1, {})).toThrow('2 values for 1 images');
  });
});
