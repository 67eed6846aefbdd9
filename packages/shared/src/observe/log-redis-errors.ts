import type { Logger } from './logger.ts';

const REPEAT_MS = 30_000;

/**
 * One line for an outage instead of one for every reconnect of every connection: the same message again within 30 s is
 * counted, and the count stands in the next line.
 */
export function logRedisErrors(logger: Logger, nowMs: () => number = () => performance.now()): (error: Error) => void {
  const seen = new Map<string, { loggedMs: number; repeats: number }>();
  return (error) => {
    const now = nowMs();
    const known = seen.get(error.message);
    if (known !== undefined && now - known.loggedMs < REPEAT_MS) {
      known.repeats += 1;
      return;
    }
    // Messages name a few causes; a flood of different ones must not grow without end.
    if (seen.size >= 100) seen.clear();
    seen.set(error.message, { loggedMs: now, repeats: 0 });
    logger.warn({ reason: error.message, repeats: known?.repeats ?? 0 }, 'redis does not answer');
  };
}
