import type { Request } from 'express';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { limitedAddress } from '../../core/limited-address.ts';

/** Of wrong passwords per address. */
const MAX_ATTEMPTS = 5;
const ATTEMPTS_SECONDS = 60;

/** Slows down who guesses passwords. Every try counts before it is judged, or tries at once would all pass. */
export type Attempts = {
  /** Seconds to wait; null when the password may be looked at. */
  count(request: Request): Promise<number | null>;
  /** The password was right: the tries before it are forgiven. */
  forgive(request: Request): Promise<void>;
};

export function createAttempts(): Attempts {
  const limiter = new RateLimiterMemory({ points: MAX_ATTEMPTS, duration: ATTEMPTS_SECONDS });
  const keyOf = (request: Request) => limitedAddress(request.socket.remoteAddress ?? '');
  return {
    async count(request) {
      try {
        await limiter.consume(keyOf(request));
        return null;
      } catch (thrown) {
        if (!(thrown instanceof RateLimiterRes)) throw thrown;
        return Math.max(1, Math.ceil(thrown.msBeforeNext / 1_000));
      }
    },
    async forgive(request) {
      await limiter.delete(keyOf(request));
    },
  };
}
