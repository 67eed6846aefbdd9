import type { JobEvents } from '../queue/job-worker.ts';
import { logRedisErrors } from './log-redis-errors.ts';
import type { Logger } from './logger.ts';
import type { JobMetrics } from './process-metrics.ts';

const OUTCOMES = ['retried', 'failed', 'stalled'] as const;

/** Job events as log lines and as counters. */
export function logJobEvents(logger: Logger, metrics: JobMetrics): JobEvents {
  const onRedisError = logRedisErrors(logger);
  return {
    onOpen(queue) {
      // A series that begins with its first event hides that event from Prometheus' `increase`.
      for (const outcome of OUTCOMES) metrics.failures.inc({ queue, outcome }, 0);
      metrics.lockRenewalFailures.inc({ queue }, 0);
    },
    onFailed(queue, jobId, error, willRetry) {
      metrics.failures.inc({ queue, outcome: willRetry ? 'retried' : 'failed' });
      logger[willRetry ? 'warn' : 'error']({ queue, jobId, willRetry, err: error }, 'job failed');
    },
    onStalled(queue, jobId) {
      metrics.failures.inc({ queue, outcome: 'stalled' });
      logger.warn({ queue, jobId }, 'job stalled: its worker died or was blocked');
    },
    onLocksLost(queue, jobIds) {
      metrics.lockRenewalFailures.inc({ queue }, jobIds.length);
      logger.warn(
        { queue, jobIds: jobIds.slice(0, 20) },
        'job locks lost: another worker may have taken the jobs over',
      );
    },
    onError: (_queue, error) => onRedisError(error),
  };
}
