import { describe, expect, it } from '@jest/globals';
import { parseBenchOptions } from './bench-options.ts';

describe('the options of the bench', () => {
  it('are every method in five slots when nothing is said, and one slot when it is quick', () => {
    expect(parseBenchOptions([])).toEqual({
      methods: ['R1', 'R2', 'R3', 'R4', 'R5', 'R6', 'R7', 'R8'],
      jsonPath: undefined,
      slots: 5,
      isQuick: false,
      provider: 'cpu',
    });
    expect(parseBenchOptions(['--quick'])).toMatchObject({ isQuick: true, slots: 1 });
  });

  it('run what is asked for in the usual order', () => {
    expect(parseBenchOptions(['--only', 'R3, R1', '--json', 'x.json', '--slots', '3'])).toMatchObject({
      methods: ['R1', 'R3'],
      jsonPath: 'x.json',
      slots: 3,
    });
  });

  it('leave on a GPU what depends on the model', () => {
    expect(parseBenchOptions(['--gpu'])).toMatchObject({ methods: ['R1', 'R2', 'R7'], provider: 'cuda' });
    expect(() => parseBenchOptions(['--gpu', '--only', 'R3'])).toThrow('no method R3; there are R1, R2, R7');
  });

  it.each([
    [['--only', 'R9'], 'no method R9'],
    [['--slots', '0'], '--slots'],
    [['--slots', 'many'], '--slots'],
    [['--fast'], '--fast'],
  ])('refuse %j', (args, reason) => {
    expect(() => parseBenchOptions(args)).toThrow(reason);
  });
});
