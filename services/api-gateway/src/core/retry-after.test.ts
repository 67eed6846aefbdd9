import { expect, it } from '@jest/globals';
import { retryAfterSeconds } from './retry-after.ts';

it.each([
  [-5_000, 1],
  [0, 1],
  [8_000, 4],
  [3_600_000, 30],
])('after %p ms it is time to look again in %p s', (ageMs, seconds) => {
  expect(retryAfterSeconds(ageMs)).toBe(seconds);
});
