import { pino, type Logger } from 'pino';

export type { Logger };

/**
 * JSON lines on stdout, one object each. Log ids, sizes, codes and durations; never a key, a signed address, pixels or
 * the client's words. The paths below are a net for mistakes, not a licence.
 */
export function createLogger(service: string, level: string): Logger {
  return pino({
    level,
    base: { service, pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: {
      paths: ['authorization', 'headers.authorization', 'apiKey', 'secret', '*.authorization', '*.apiKey', '*.secret'],
      censor: '[redacted]',
    },
  });
}
