import type { Counter } from 'prom-client';
import type { JobEvents } from '../queue/job-worker.ts';
import { logRedisErrors } from './log-redis-errors.ts';
import type { Logger } from './logger.ts';

/** Job events as log lines, and failures as a counter with the labels `queue` and `outcome`. */
export function logJobEvents(logger: Logger, failures: Counter<'queue' | 'outcome'>): JobEvents {
  const onRedisError = logRedisErrors(logger);
  return {
    onFailed(queue, jobId, error, willRetry) {
      failures.inc({ queue, outcome: willRetry ? 'retried' : 'failed' });
      logger[willRetry ? 'warn' : 'error']({ queue, jobId, willRetry, err: error }, 'job failed');
    },
    onStalled(queue, jobId) {
      failures.inc({ queue, outcome: 'stalled' });
      logger.warn({ queue, jobId }, 'job stalled: its worker died or was blocked');
    },
    onError: (_queue, error) => onRedisError(error),
  };
}
