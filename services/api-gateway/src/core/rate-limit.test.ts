import { expect, it } from '@jest/globals';
import { policiesOf, rateLimitHeaders, retryAfterOf } from './rate-limit.ts';

const [burst, daily] = policiesOf({ perMinute: 60, perDay: 10_000 });

it('tells every policy, and what is left of the one that ends first', () => {
  const states = [
    { ...burst!, used: 18, resetMs: 17_001 },
    { ...daily!, used: 9_000, resetMs: 7_200_000 },
  ];
  expect(rateLimitHeaders(states)).toEqual({
    'RateLimit-Policy': '"burst";q=60;w=60, "daily";q=10000;w=86400',
    RateLimit: '"burst";r=42;t=18',
  });
  expect(retryAfterOf(states)).toBeNull();
});

it('allows the last request of a quota and refuses the next until the window ends', () => {
  expect(retryAfterOf([{ ...burst!, used: 60, resetMs: 17_001 }])).toBeNull();
  const over = [{ ...burst!, used: 61, resetMs: 17_001 }];
  expect(retryAfterOf(over)).toBe(18);
  expect(rateLimitHeaders(over)['RateLimit']).toBe('"burst";r=0;t=18');
});

it('sends nobody away until an earlier window than the last that is used up', () => {
  const states = [
    { ...burst!, used: 61, resetMs: 1 },
    { ...daily!, used: 10_001, resetMs: 3_600_000 },
  ];
  expect(retryAfterOf(states)).toBe(3_600);
  expect(rateLimitHeaders(states)['RateLimit']).toBe('"daily";r=0;t=3600');
});

it('sets no limit where a quota is 0, and says nothing of limits that are not there', () => {
  expect(policiesOf({ perMinute: 0, perDay: 5 }).map(({ name }) => name)).toEqual(['daily']);
  expect(policiesOf({ perMinute: 0, perDay: 0 })).toEqual([]);
  expect(rateLimitHeaders([])).toEqual({});
});
