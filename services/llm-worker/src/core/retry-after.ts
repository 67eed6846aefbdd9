const MAX_MS = 86_400_000;

/**
 * How long a server asks its client to stay away, in ms: `retry-after-ms`, or `Retry-After` as seconds or as a date
 * (RFC 9110 10.2.3). Null when it does not say.
 */
export function parseRetryAfter(headers: Pick<Headers, 'get'>, nowMs: number): number | null {
  const exact = numberOf(headers.get('retry-after-ms'));
  if (exact !== null) return Math.min(exact, MAX_MS);
  const text = headers.get('retry-after');
  const seconds = numberOf(text);
  if (seconds !== null) return Math.min(1_000 * seconds, MAX_MS);
  const dateMs = text?.endsWith('GMT') ? Date.parse(text) : Number.NaN;
  return Number.isNaN(dateMs) ? null : Math.min(Math.max(0, dateMs - nowMs), MAX_MS);
}

function numberOf(text: string | null): number | null {
  return text !== null && /^\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : null;
}
