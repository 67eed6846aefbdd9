import { expect, it } from '@jest/globals';
import { parseHostileOptions } from './hostile-options.ts';

it('are a system of its own and two files at once when nothing is said', () => {
  expect(parseHostileOptions(['corpus'])).toEqual({
    folders: ['corpus'],
    url: undefined,
    dataDir: undefined,
    apiKey: undefined,
    concurrency: 2,
    jsonPath: undefined,
  });
});

it('name a running system and where its data lies', () => {
  const args = ['a', 'b', '--url', 'http://localhost:8000/', '--data-dir', '.data', '--key', 'k', '--json', 'x.json'];
  expect(parseHostileOptions([...args, '--concurrency', '8'])).toEqual({
    folders: ['a', 'b'],
    url: 'http://localhost:8000',
    dataDir: '.data',
    apiKey: 'k',
    concurrency: 8,
    jsonPath: 'x.json',
  });
});

it.each([
  [[], 'name at least one'],
  [['a', '--concurrency', '0'], 'from 1 to 64'],
  [['a', '--key', 'k'], 'belong to a system'],
  [['a', '--fast'], 'fast'],
])('are refused with a reason: %j', (args, reason) => {
  expect(() => parseHostileOptions(args)).toThrow(reason);
});
