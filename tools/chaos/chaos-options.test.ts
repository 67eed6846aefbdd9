import { describe, expect, it } from '@jest/globals';
import { parseChaosOptions } from './chaos-options.ts';

describe('the options of the chaos suite', () => {
  it('are all scenarios with 400 jobs on a directory unless told otherwise, with a seed of the moment', () => {
    const options = parseChaosOptions([], 1_234_567);
    expect(options).toMatchObject({ jobs: 400, seed: 234_567, store: 'directory', hasPeer: true, isLong: false });
    expect(options.scenarios).toHaveLength(14);
  });

  it('take what is asked for, in the order of the table', () => {
    const args = ['--scenario', 'c4, C1', '--jobs', '40', '--seed', '7', '--store', 's3', '--no-peer', '--json', 'x'];
    expect(parseChaosOptions(args, 0)).toEqual({
      scenarios: ['C1', 'C4'],
      jobs: 40,
      seed: 7,
      store: 's3',
      hasPeer: false,
      isLong: false,
      jsonPath: 'x',
    });
  });

  it('are 10,000 jobs for the long run', () => {
    expect(parseChaosOptions(['--long'], 0)).toMatchObject({ isLong: true, jobs: 10_000 });
  });

  it.each([[['--scenario', 'C15']], [['--store', 'floppy']], [['--jobs', '0']], [['--seed', 'x']], [['--frobnicate']]])(
    'refuse %j',
    (args) => {
      expect(() => parseChaosOptions(args, 0)).toThrow(/C15|store|jobs|seed|frobnicate/);
    },
  );
});
