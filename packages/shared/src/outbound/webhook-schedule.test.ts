import { describe, expect, it } from '@jest/globals';
import { decideDelivery, delayBeforeAttempt, parseRetryAfter, RETRY_DELAYS_MS } from './webhook-schedule.ts';

const HOUR_MS = 3_600_000;
const nowMs = Date.UTC(2026, 10, 25, 2, 0, 0);
const answer = (status: number, retryAfter: string | null = null) => ({ status, failure: null, retryAfter });

describe('the retry schedule of webhooks', () => {
  it('makes ten attempts over 75.6 hours', () => {
    expect(RETRY_DELAYS_MS).toHaveLength(10);
    const sumMs = RETRY_DELAYS_MS.reduce((sum, delayMs) => sum + delayMs, 0);
    expect((sumMs / HOUR_MS).toFixed(1)).toBe('75.6');
  });
  it('waits up to 10 % less or more', () => {
    expect([0, 0.5, 1].map((jitter) => delayBeforeAttempt(2, jitter))).toEqual([4_500, 5_000, 5_500]);
    expect(delayBeforeAttempt(1, 0.9)).toBe(0);
    expect(delayBeforeAttempt(11, 0.5)).toBeNull();
  });

  it.each([200, 201, 204, 299])('takes %i as delivered', (status) => {
    expect(decideDelivery(answer(status), { attempt: 1, nowMs, jitter: 0.5 })).toEqual({ kind: 'delivered' });
  });
  it.each([100, 300, 301, 302, 304, 307, 308, 400, 401, 404, 409, 418, 500, 501, 503, 599])(
    'tries again after %i',
    (status) => {
      const decision = decideDelivery(answer(status), { attempt: 1, nowMs, jitter: 0.5 });
      expect(decision).toEqual({ kind: 'retry', afterMs: 5_000, pauseEndpointMs: 0 });
    },
  );
  it.each(['dns', 'connect', 'tls', 'timeout', 'blocked_ip', 'blocked_url'] as const)(
    'tries again after %s',
    (failure) => {
      const decision = decideDelivery({ status: null, failure, retryAfter: null }, { attempt: 3, nowMs, jitter: 0.5 });
      expect(decision).toEqual({ kind: 'retry', afterMs: 1_800_000, pauseEndpointMs: 0 });
    },
  );
  it('disables the endpoint after 410, on any attempt', () => {
    const decisions = [1, 10].map((attempt) => decideDelivery(answer(410), { attempt, nowMs, jitter: 0.5 }));
    expect(decisions).toEqual([{ kind: 'disable-endpoint' }, { kind: 'disable-endpoint' }]);
  });
  it('is exhausted after the tenth attempt', () => {
    const at = { attempt: 10, nowMs, jitter: 0.5 };
    expect(decideDelivery(answer(500), at)).toEqual({ kind: 'exhausted', pauseEndpointMs: 0 });
    expect(decideDelivery(answer(200), at)).toEqual({ kind: 'delivered' });
  });

  it.each([429, 502, 504])('pauses the endpoint for a minute after %i', (status) => {
    const decision = decideDelivery(answer(status), { attempt: 1, nowMs, jitter: 0.5 });
    expect(decision).toEqual({ kind: 'retry', afterMs: 60_000, pauseEndpointMs: 60_000 });
  });
  it('honours Retry-After when it is later than the schedule', () => {
    const at = { attempt: 1, nowMs, jitter: 0.5 };
    expect(decideDelivery(answer(503, '7200'), at)).toMatchObject({ afterMs: 7_200_000, pauseEndpointMs: 7_200_000 });
    expect(decideDelivery(answer(429, '1'), at)).toMatchObject({ afterMs: 5_000, pauseEndpointMs: 1_000 });
  });
});

it.each([
  ['120', 120_000],
  [' 0 ', 0],
  ['86400', 86_400_000],
  ['86401', 86_400_000],
  ['9'.repeat(400), 86_400_000],
  ['Wed, 25 Nov 2026 02:01:00 GMT', 60_000],
  ['Wed, 25 Nov 2026 01:00:00 GMT', 0],
  ['Wed, 25 Nov 2037 01:00:00 GMT', 86_400_000],
  ['', null],
  ['-5', null],
  ['1.5', null],
  ['soon', null],
  ['2026-11-25', null],
  [null, null],
])('Retry-After %j is a wait of %j ms', (header, expected) => {
  expect(parseRetryAfter(header, nowMs)).toBe(expected);
});
