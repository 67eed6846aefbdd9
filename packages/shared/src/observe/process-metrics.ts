import { collectDefaultMetrics, Counter, Registry } from 'prom-client';

/** A registry with the metrics that every process has: CPU, memory, event-loop delay, job failures. */
export function createProcessMetrics(service: string): {
  registry: Registry;
  jobFailures: Counter<'queue' | 'outcome'>;
} {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  collectDefaultMetrics({ register: registry });
  const jobFailures = new Counter({
    name: 'touchstone_job_failures_total',
    help: 'Job attempts that failed, by queue and by what follows: retried, failed for good, stalled.',
    labelNames: ['queue', 'outcome'] as const,
    registers: [registry],
  });
  return { registry, jobFailures };
}
