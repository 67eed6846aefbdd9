import { setTimeout as delay } from 'node:timers/promises';
import { readS3Failure, S3CallError } from './s3-failure.ts';

export type S3CallLimits = {
  /** At most so many requests for one call. */
  attempts: number;
  /** One request with its answer; also the longest silence within a streamed answer. */
  attemptTimeoutMs: number;
  /** The whole call, pauses included. */
  callTimeoutMs: number;
};

/** 25 MiB, the largest upload, within one attempt needs 2.6 MB/s. */
export const S3_CALL_LIMITS: S3CallLimits = { attempts: 5, attemptTimeoutMs: 10_000, callTimeoutMs: 30_000 };

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 2_000;

/** Makes one request; `nth` counts from 1. It must give up when the signal fires. */
type Attempt<T> = (signal: AbortSignal, nth: number) => Promise<T>;

export type S3Calls = {
  /** Repeats a request that failed in passing. Rejects with `S3CallError`. */
  run<T>(operation: string, attempt: Attempt<T>): Promise<T>;
  /** Ends the calls underway. */
  close(): void;
};

/**
 * The deadline and the repetitions of every call. They are not left to the SDK: it hides whether an earlier attempt
 * went unanswered, which decides what a 412 means, and it does not repeat a streamed body.
 */
export function createS3Calls(limits: S3CallLimits): S3Calls {
  const closing = new AbortController();
  const underway = new Set<AbortController>();

  /** Races the request, because the SDK looks for credentials before it listens to the signal. */
  const attemptOnce = async <T>(attempt: Attempt<T>, nth: number, timeoutMs: number): Promise<T> => {
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(passing('ETIMEDOUT')), timeoutMs);
    underway.add(controller);
    const aborted = new Promise<never>((_, reject) => {
      controller.signal.addEventListener('abort', () => reject(controller.signal.reason as Error), { once: true });
    });
    try {
      return await Promise.race([aborted, attempt(controller.signal, nth)]);
    } finally {
      clearTimeout(timer);
      underway.delete(controller);
    }
  };

  return {
    async run(operation, attempt) {
      const endsMs = performance.now() + limits.callTimeoutMs;
      for (let nth = 1; ; nth++) {
        if (closing.signal.aborted) throw closedError();
        try {
          return await attemptOnce(attempt, nth, Math.min(limits.attemptTimeoutMs, endsMs - performance.now()));
        } catch (error) {
          if (closing.signal.aborted) throw closedError();
          const failure = readS3Failure(error);
          // Full jitter: writers that collided once shall not meet again.
          const pauseMs = Math.random() * Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** nth);
          const isOver = nth >= limits.attempts || performance.now() + pauseMs >= endsMs;
          if (!failure.isPassing || isOver) throw new S3CallError(operation, failure, nth);
          await delay(pauseMs, undefined, { signal: closing.signal }).catch(() => {});
        }
      }
    },
    close() {
      closing.abort();
      for (const controller of underway) controller.abort(closedError());
    },
  };
}

const closedError = () => new Error('the object store is closed');

/** An error of our own with a code that counts as passing. */
export function passing(code: 'ETIMEDOUT' | 'ECONNRESET'): Error {
  return Object.assign(new Error(`object store: ${code}`), { code });
}
