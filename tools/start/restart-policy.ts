/** A process that ends sooner than this after it was ready, or before it was, has not really run. */
const SHORT_LIFE_MS = 2_000;
const SHORT_LIVES_ALLOWED = 3;
const FIRST_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 5_000;

/** How many short lives a process has had in a row, and how long the next one waits. */
export type RestartDecision = { shortLives: number; delayMs: number; tooMany: boolean };

/**
 * A dead process starts again at once; only the third short life in a row begins to cost time (contract.md 2:
 * "backs off (cap 5 s) only after three deaths within 2 s of ready"). `readyForMs` is null when it never was ready.
 */
export function decideRestart(shortLivesBefore: number, readyForMs: number | null): RestartDecision {
  if (readyForMs !== null && readyForMs >= SHORT_LIFE_MS) return { shortLives: 0, delayMs: 0, tooMany: false };
  const shortLives = shortLivesBefore + 1;
  const excess = shortLives - SHORT_LIVES_ALLOWED;
  const delayMs = excess < 0 ? 0 : Math.min(FIRST_BACKOFF_MS * 2 ** excess, MAX_BACKOFF_MS);
  return { shortLives, delayMs, tooMany: excess >= 0 };
}
