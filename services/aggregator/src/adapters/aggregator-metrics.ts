import { Counter, Gauge, type Registry } from 'prom-client';

/** What the aggregator counts beside its jobs and its deliveries. */
export function createAggregatorMetrics(registry: Registry) {
  const registers = [registry];
  return {
    verdicts: new Counter({
      name: 'touchstone_verdicts_total',
      help: 'Revisions brought to an end by this process, by verdict.',
      labelNames: ['verdict'] as const,
      registers,
    }),
    sweeps: new Counter({
      name: 'touchstone_sweeper_actions_total',
      help: 'What the sweeper did with pending markers.',
      labelNames: ['action'] as const,
      registers,
    }),
    pending: new Gauge({
      name: 'touchstone_pending_detections',
      help: 'Accepted detections without a verdict, at the last sweep of this process.',
      registers,
    }),
    oldestPending: new Gauge({
      name: 'touchstone_pending_oldest_age_seconds',
      help: 'Age of the oldest of them.',
      registers,
    }),
    undelivered: new Gauge({
      name: 'touchstone_undelivered_webhooks',
      help: 'Webhooks that are owed, at the last sweep of this process.',
      registers,
    }),
    oldestUndelivered: new Gauge({
      name: 'touchstone_undelivered_webhooks_oldest_age_seconds',
      help: 'Age of the oldest of them.',
      registers,
    }),
    requeued: new Counter({
      name: 'touchstone_webhooks_requeued_total',
      help: 'Owed webhooks that the sweeper enqueued again.',
      registers,
    }),
  };
}
