/**
 * Thrown by a handler whose job cannot be done yet through no fault of its own: it is put off by `delayMs` and uses up
 * none of its attempts. The handler bounds how often that happens.
 */
export class RetryLaterError extends Error {
  override readonly name = 'RetryLaterError';
  readonly delayMs: number;

  constructor(delayMs: number, why: string) {
    super(`in ${delayMs} ms: ${why}`);
    this.delayMs = delayMs;
  }
}
