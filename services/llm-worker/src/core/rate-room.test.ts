import { describe, expect, it } from '@jest/globals';
import { gapOf, readRateRoom } from './rate-room.ts';

const roomOf = (headers: Record<string, string>, tokensOfCall: number | null = 1_000) =>
  readRateRoom(new Headers(headers), tokensOfCall);

describe('the room that a server tells', () => {
  it('is that of what runs out first', () => {
    const requests = { 'x-ratelimit-remaining-requests': '9', 'x-ratelimit-reset-requests': '12s' };
    const tokens = { 'x-ratelimit-remaining-tokens': '4500', 'x-ratelimit-reset-tokens': '6m0s' };
    expect(roomOf({ ...requests, ...tokens })).toEqual({ calls: 4, resetMs: 360_000 });
    expect(roomOf({ ...requests, ...tokens }, 100)).toEqual({ calls: 9, resetMs: 12_000 });
    expect(roomOf({ ...requests, ...tokens }, null)).toEqual({ calls: 9, resetMs: 12_000 });
  });

  it.each([
    ['120ms', 120],
    ['1s', 1_000],
    ['1m30.5s', 90_500],
    ['1h0m0s', 3_600_000],
    ['99h', 3_600_000],
  ])('is made good after %s', (text, resetMs) => {
    const headers = { 'x-ratelimit-remaining-requests': '0', 'x-ratelimit-reset-requests': text };
    expect(roomOf(headers)).toEqual({ calls: 0, resetMs });
  });

  it.each([
    {},
    { 'x-ratelimit-remaining-requests': '3' },
    { 'x-ratelimit-remaining-requests': 'many', 'x-ratelimit-reset-requests': '1s' },
    { 'x-ratelimit-remaining-requests': '-1', 'x-ratelimit-reset-requests': '1s' },
    { 'x-ratelimit-remaining-requests': '3', 'x-ratelimit-reset-requests': 'soon' },
    { 'x-ratelimit-remaining-requests': '3', 'x-ratelimit-reset-requests': '5' },
  ])('is unknown with %j', (headers) => {
    expect(roomOf(headers)).toBeNull();
  });
});

it('leaves time between calls when little room is left, so that it lasts until more is there', () => {
  expect(gapOf({ calls: 17, resetMs: 60_000 })).toBe(0);
  expect(gapOf({ calls: 9, resetMs: 60_000 })).toBe(6_000);
  expect(gapOf({ calls: 0, resetMs: 60_000 })).toBe(60_000);
});
