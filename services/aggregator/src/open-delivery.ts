import { Counter, Histogram, type Registry } from 'prom-client';
import { DeliveryOutcome } from '@touchstone/shared/contracts/webhook';
import type { Logger } from '@touchstone/shared/observe/logger';
import { openGuardedDispatcher } from '@touchstone/shared/outbound/guarded-dispatcher';
import type { DeliveryPayload } from '@touchstone/shared/queue/catalog';
import { loadSecretKeys } from '@touchstone/shared/secrets/load-secret-keys';
import { openSecretBox } from '@touchstone/shared/secrets/secret-box';
import { deriveServiceSigningKeys } from '@touchstone/shared/secrets/service-signing-key';
import type { ObjectStore } from '@touchstone/shared/storage/object-store';
import type { DeliveryLog } from '@touchstone/shared/webhooks/delivery-log';
import { openEndpointRecords } from '@touchstone/shared/webhooks/endpoint-records';
import type { DetectionRecords } from './adapters/detection-records.ts';
import type { Config } from './config.ts';
import { createReceiverGate } from './core/receiver-gate.ts';
import { deliverWebhook, type DeliverDeps } from './deliver-webhook.ts';

export type Delivery = {
  deliver(payload: DeliveryPayload): Promise<void>;
  /** Waits for sends that are underway. */
  close(): Promise<void>;
};

/** The sending side of webhooks with its keys, its way out and its metrics. */
export async function openDelivery(
  config: Pick<Config, 'webhooks' | 'dataDir' | 'deliveryDeadlineMs'>,
  deps: { store: ObjectStore; records: DetectionRecords; log: DeliveryLog; registry: Registry; logger: Logger },
): Promise<Delivery> {
  const attempts = new Counter({
    name: 'touchstone_webhook_attempts_total',
    help: 'Attempts to deliver a webhook, by outcome and class of failure.',
    labelNames: ['outcome', 'error_class'] as const,
    registers: [deps.registry],
  });
  const firstAttempt = new Histogram({
    name: 'touchstone_webhook_first_attempt_seconds',
    help: 'Time from a verdict to the first attempt to tell its receiver.',
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2, 5, 15, 60, 300],
    registers: [deps.registry],
  });
  const disabled = new Counter({
    name: 'touchstone_webhook_endpoints_disabled_total',
    help: 'Endpoints that were switched off because of what they answered, by reason.',
    labelNames: ['reason'] as const,
    registers: [deps.registry],
  });
  // A series that begins with its first event hides that event from Prometheus' `increase`.
  for (const outcome of DeliveryOutcome.options) attempts.inc({ outcome, error_class: 'none' }, 0);
  for (const reason of ['gone', 'failing']) disabled.inc({ reason }, 0);
  const secretKeys = await loadSecretKeys(config.webhooks.secretKey, config.dataDir);
  const outbound = openGuardedDispatcher(config.webhooks.outbound);
  const delivering: DeliverDeps = {
    records: deps.records,
    log: deps.log,
    endpoints: openEndpointRecords(deps.store),
    box: openSecretBox(secretKeys),
    serviceKey: deriveServiceSigningKeys(secretKeys)[0]!.privateKey,
    outbound,
    gate: createReceiverGate(() => performance.now()),
    deadlineMs: config.deliveryDeadlineMs,
    onAttempt(record, sinceVerdictMs) {
      attempts.inc({ outcome: record.outcome, error_class: record.error_class ?? 'none' });
      if (record.attempt === 1 && record.cause === 'verdict') firstAttempt.observe(sinceVerdictMs / 1_000);
    },
    onDisabled(event) {
      disabled.inc({ reason: event.reason });
      deps.logger.warn(event, 'webhook endpoint disabled: it gets nothing until its owner enables it again');
    },
    nowMs: Date.now,
    random: Math.random,
  };
  return {
    deliver: (payload) => deliverWebhook(delivering, payload),
    close: () => outbound.close(),
  };
}
