import { expect, it } from '@jest/globals';
import { isPriced, microUsdOf, tokensAtMost } from './call-cost.ts';

const prices = { inUsdPerMillion: 2.5, outUsdPerMillion: 15 };

it('bills whole millionths of a USD, rounded up', () => {
  expect(microUsdOf({ in: 1_365, out: 250 }, prices)).toBe(7_163);
  expect(microUsdOf({ in: 0, out: 0 }, prices)).toBe(0);
  expect(microUsdOf({ in: 1_000_000, out: 1_000_000 }, { inUsdPerMillion: 0, outUsdPerMillion: 0 })).toBe(0);
});

it('knows when nothing has a price', () => {
  expect(isPriced(prices)).toBe(true);
  expect(isPriced({ inUsdPerMillion: 0, outUsdPerMillion: 0 })).toBe(false);
});

it('reserves more than the dearest published way of counting pictures', () => {
  const most = tokensAtMost({ textChars: 4_000, pictures: 2, maxOutputTokens: 1_500 });
  expect(most.in).toBeGreaterThan(2 * 1_024 * 2.46 + 4_000 / 4);
  expect(most.out).toBe(1_500);
});
