/** What the client prefers; RFC 7240. */
export type Preferences = {
  /** Seconds that the client is willing to wait; null when it said nothing. */
  waitS: number | null;
  respondAsync: boolean;
};

/** Longest time for which an answer is held back. */
const MAX_WAIT_S = 55;

/** Unknown and malformed preferences are ignored, and of a repeated one the first counts (section 2). */
export function parsePrefer(header: string | undefined): Preferences {
  const preferences: Preferences = { waitS: null, respondAsync: false };
  for (const preference of (header ?? '').split(',')) {
    const [name, value] = preference
      .split(';', 1)[0]!
      .split('=', 2)
      .map((part) => part.trim());
    if (name?.toLowerCase() === 'respond-async') preferences.respondAsync = true;
    if (name?.toLowerCase() !== 'wait' || preferences.waitS !== null) continue;
    const seconds = /^(?:(\d{1,9})|"(\d{1,9})")$/.exec(value ?? '');
    if (seconds) preferences.waitS = Math.min(Number(seconds[1] ?? seconds[2]), MAX_WAIT_S);
  }
  return preferences;
}
