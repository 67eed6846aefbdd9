import { collectDefaultMetrics, Counter, Registry } from 'prom-client';

/** What every worker counts of its jobs. */
export type JobMetrics = {
  failures: Counter<'queue' | 'outcome'>;
  lockRenewalFailures: Counter<'queue'>;
};

/**
 * Every tick wakes the process: with 10 ms, the default, an idle gateway used 5 CPU-ms in a second instead of 2.3
 * (measured: docs/benchmarks.md). What is reported as lag includes the tick.
 */
const LOOP_TICK_MS = 50;

/** A registry with the metrics that every process has: CPU, memory, event-loop delay, job failures. */
export function createProcessMetrics(service: string): {
  registry: Registry;
  jobFailures: JobMetrics;
} {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LOOP_TICK_MS });
  const failures = new Counter({
    name: 'touchstone_job_failures_total',
    help: 'Job attempts that failed, by queue and by what follows: retried, failed for good, stalled.',
    labelNames: ['queue', 'outcome'] as const,
    registers: [registry],
  });
  const lockRenewalFailures = new Counter({
    name: 'touchstone_lock_renewal_failures_total',
    help: 'Jobs whose lock was gone when their worker wanted to renew it, by queue.',
    labelNames: ['queue'] as const,
    registers: [registry],
  });
  return { registry, jobFailures: { failures, lockRenewalFailures } };
}
