import type { DeliveryRecord, EndpointRecord } from '@touchstone/shared/contracts/webhook';
import type { WebhookDelivery, WebhookEndpoint } from '@touchstone/shared/contracts/webhook-endpoint';
import { isSecretValid } from './rotate-secrets.ts';

export function representEndpoint(record: EndpointRecord, nowMs: number): WebhookEndpoint {
  const { id, url, description, is_default, status, disabled_reason, failing_since, created_at, updated_at } = record;
  const secrets = record.secrets
    .filter((secret) => isSecretValid(secret, nowMs))
    .map((secret) => ({ created_at: secret.created_at, expires_at: secret.expires_at }));
  return { id, url, description, is_default, status, disabled_reason, failing_since, secrets, created_at, updated_at };
}

export function representDelivery(record: DeliveryRecord): WebhookDelivery {
  const { tenant: _tenant, receiver: _receiver, v: _v, id, outcome, status, ...rest } = record;
  return { detection_id: id, status: outcome, http_status: status, ...rest };
}
