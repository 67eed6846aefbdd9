import type { OutboundFailure } from './outbound-failure.ts';

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

/** Wait before each attempt, counted from the end of the one before; reliability.md section 4 W4. */
export const RETRY_DELAYS_MS: readonly number[] = [
  0,
  5 * SECOND_MS,
  5 * MINUTE_MS,
  30 * MINUTE_MS,
  2 * HOUR_MS,
  5 * HOUR_MS,
  10 * HOUR_MS,
  14 * HOUR_MS,
  20 * HOUR_MS,
  24 * HOUR_MS,
];
const JITTER = 0.1;
const RETRY_AFTER_CAP_MS = 24 * HOUR_MS;
/** How long an endpoint that says "slow down" without a `Retry-After` is left alone. */
const SLOW_DOWN_MS = MINUTE_MS;
const SLOW_DOWN_STATUSES: readonly number[] = [429, 502, 504];

/** What an attempt came to. */
export type DeliveryAttempt = { status: number | null; failure: OutboundFailure | null; retryAfter: string | null };

export type DeliveryDecision =
  | { kind: 'delivered' }
  /** 410: the receiver wants no more. */
  | { kind: 'disable-endpoint' }
  /** `pauseEndpointMs`: how long every delivery to this endpoint, and to no other, should wait. */
  | { kind: 'retry'; afterMs: number; pauseEndpointMs: number }
  /** No attempt is left: a dead letter, to be replayed by hand. */
  | { kind: 'exhausted'; pauseEndpointMs: number };

/**
 * What follows attempt number `attempt` (from 1). Only 2xx succeeds, a redirect is a failure. A blocked address or URL
 * is tried again like the rest: its owner can mend it. `jitter` is uniform in [0, 1).
 */
export function decideDelivery(
  result: DeliveryAttempt,
  at: { attempt: number; nowMs: number; jitter: number },
): DeliveryDecision {
  const { status } = result;
  if (status !== null && status >= 200 && status < 300) return { kind: 'delivered' };
  if (status === 410) return { kind: 'disable-endpoint' };
  const retryAfterMs = parseRetryAfter(result.retryAfter, at.nowMs);
  const asksToSlowDown = status !== null && SLOW_DOWN_STATUSES.includes(status);
  const pauseEndpointMs = retryAfterMs ?? (asksToSlowDown ? SLOW_DOWN_MS : 0);
  const scheduledMs = delayBeforeAttempt(at.attempt + 1, at.jitter);
  if (scheduledMs === null) return { kind: 'exhausted', pauseEndpointMs };
  return { kind: 'retry', afterMs: Math.max(scheduledMs, pauseEndpointMs), pauseEndpointMs };
}

/** Wait before attempt number `attempt` (from 1), jittered by +-10 %; null when there is no such attempt. */
export function delayBeforeAttempt(attempt: number, jitter: number): number | null {
  const delayMs = RETRY_DELAYS_MS[attempt - 1];
  return delayMs === undefined ? null : Math.round(delayMs * (1 - JITTER + 2 * JITTER * jitter));
}

const IMF_FIXDATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/** `Retry-After` as a wait, capped at 24 h; null when absent or unreadable. RFC 9110 10.2.3: seconds or a date. */
export function parseRetryAfter(header: string | null, nowMs: number): number | null {
  const text = header?.trim() ?? '';
  const waitMs = /^\d+$/.test(text)
    ? Number(text) * SECOND_MS
    : IMF_FIXDATE.test(text)
      ? Date.parse(text) - nowMs
      : Number.NaN;
  return Number.isNaN(waitMs) ? null : Math.min(Math.max(waitMs, 0), RETRY_AFTER_CAP_MS);
}
