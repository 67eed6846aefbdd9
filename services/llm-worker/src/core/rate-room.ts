/** What a server still takes of us before it answers 429, and when that is made good. */
export type RateRoom = { calls: number; resetMs: number };

/** With more room than this nobody has to slow down: twice what a worker has underway unless told otherwise. */
const AMPLE_CALLS = 16;
const MAX_RESET_MS = 3_600_000;

/**
 * From `x-ratelimit-remaining-requests` and `-tokens` with their `-reset-`; null when the server tells neither.
 * `tokensOfCall`: what a call takes, as far as is known.
 */
export function readRateRoom(headers: Pick<Headers, 'get'>, tokensOfCall: number | null): RateRoom | null {
  const rooms = (['requests', 'tokens'] as const).flatMap((unit) => {
    const remaining = wholeNumber(headers.get(`x-ratelimit-remaining-${unit}`));
    const resetMs = parseDuration(headers.get(`x-ratelimit-reset-${unit}`));
    const perCall = unit === 'requests' ? 1 : tokensOfCall;
    if (remaining === null || resetMs === null || perCall === null || perCall <= 0) return [];
    return [{ calls: Math.floor(remaining / perCall), resetMs }];
  });
  return rooms.toSorted((a, b) => a.calls - b.calls)[0] ?? null;
}

/** Time to leave between the starts of two calls, so that what is left lasts until it is made good; 0: no need. */
export function gapOf({ calls, resetMs }: RateRoom): number {
  return calls > AMPLE_CALLS ? 0 : resetMs / (calls + 1);
}

function wholeNumber(text: string | null): number | null {
  return text !== null && /^\d{1,15}$/.test(text.trim()) ? Number(text) : null;
}

const UNIT_MS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** `1s`, `120ms`, `6m0s`, `1h2m3.5s`. */
function parseDuration(text: string | null): number | null {
  if (text === null || !/^(?:\d{1,9}(?:\.\d{1,9})?(?:ms|s|m|h))+$/.test(text.trim())) return null;
  const parts = [...text.matchAll(/([\d.]+)(ms|s|m|h)/g)];
  return Math.min(
    MAX_RESET_MS,
    parts.reduce((sum, [, value, unit]) => sum + Number(value) * UNIT_MS[unit!]!, 0),
  );
}
