import { expect, it } from '@jest/globals';
import { parseRetryAfter } from './retry-after.ts';

const NOW_MS = Date.UTC(2026, 10, 25, 12, 0, 0);

it.each([
  [{}, null],
  [{ 'retry-after': '3' }, 3_000],
  [{ 'retry-after': '0' }, 0],
  [{ 'retry-after': '1.5' }, 1_500],
  [{ 'retry-after': 'Wed, 25 Nov 2026 12:00:10 GMT' }, 10_000],
  [{ 'retry-after': 'Wed, 25 Nov 2026 11:00:00 GMT' }, 0],
  [{ 'retry-after': 'soon' }, null],
  [{ 'retry-after': '-5' }, null],
  [{ 'retry-after': '99999999999' }, 86_400_000],
  [{ 'retry-after-ms': '250', 'retry-after': '9' }, 250],
])('reads %j', (headers, ms) => {
  expect(parseRetryAfter(new Headers(headers as Record<string, string>), NOW_MS)).toEqual(ms);
});
