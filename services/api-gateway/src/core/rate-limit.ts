/** So many submissions within so many seconds. */
export type RatePolicy = { name: string; quota: number; windowS: number };

/** What a caller has used of the window that is open now, this request included. */
export type RateCount = { used: number; resetMs: number };

export type RateState = RatePolicy & RateCount;

/** Most submissions of one API key; 0 sets no limit. */
export type RateLimits = { perMinute: number; perDay: number };

export function policiesOf({ perMinute, perDay }: RateLimits): RatePolicy[] {
  const policies = [
    { name: 'burst', quota: perMinute, windowS: 60 },
    { name: 'daily', quota: perDay, windowS: 86_400 },
  ];
  return policies.filter(({ quota }) => quota > 0);
}

/** draft-ietf-httpapi-ratelimit-headers-11: every policy, and what is left of the one that ends first. */
export function rateLimitHeaders(states: readonly RateState[]): Record<string, string> {
  const [tightest] = states.toSorted((a, b) => remaining(a) - remaining(b) || b.resetMs - a.resetMs);
  if (tightest === undefined) return {};
  return {
    'RateLimit-Policy': states.map(({ name, quota, windowS }) => `"${name}";q=${quota};w=${windowS}`).join(', '),
    RateLimit: `"${tightest.name}";r=${remaining(tightest)};t=${seconds(tightest.resetMs)}`,
  };
}

/** Seconds until every policy allows a request again; null when all of them allow this one. */
export function retryAfterOf(states: readonly RateState[]): number | null {
  const over = states.filter(({ used, quota }) => used > quota);
  return over.length === 0 ? null : Math.max(1, ...over.map(({ resetMs }) => seconds(resetMs)));
}

const remaining = ({ quota, used }: RateState) => Math.max(0, quota - used);
const seconds = (ms: number) => Math.max(0, Math.ceil(ms / 1_000));
