import type { Redis } from 'ioredis';
import { openGuardedDispatcher } from '@touchstone/shared/outbound/guarded-dispatcher';
import type { OutboundRuleOptions } from '@touchstone/shared/outbound/guarded-url';
import type { DetectionJobs } from '@touchstone/shared/queue/detection-jobs';
import type { SecretKeys } from '@touchstone/shared/secrets/load-secret-keys';
import { openSecretBox } from '@touchstone/shared/secrets/secret-box';
import { deriveServiceSigningKeys, type PublicJwk } from '@touchstone/shared/secrets/service-signing-key';
import type { ObjectStore } from '@touchstone/shared/storage/object-store';
import { openEndpointRecords } from '@touchstone/shared/webhooks/endpoint-records';
import { createDeliveryProducer } from './adapters/delivery-producer.ts';
import { createDeliveryReader, type DeliveryReader } from './adapters/delivery-reader.ts';
import { createEndpointSender } from './adapters/endpoint-sender.ts';
import { limitEndpointRecords } from './adapters/limited-endpoint-records.ts';
import { createRecentEndpoints } from './adapters/recent-endpoints.ts';
import { createChooseCallback, type ChooseCallback } from './choose-callback.ts';
import { createRedeliverWebhooks, type RedeliverWebhooks } from './redeliver-webhooks.ts';
import { createWebhookEndpoints, type WebhookEndpoints } from './webhook-endpoints.ts';

/** What the door has to do with webhooks. Verdicts are sent by the aggregator. */
export type Webhooks = {
  endpoints: WebhookEndpoints;
  chooseCallback: ChooseCallback;
  redeliver: RedeliverWebhooks;
  readDeliveries: DeliveryReader;
  publicKeys: PublicJwk[];
  /** Waits for calls that are underway. */
  close(): Promise<void>;
};

export function openWebhooks(deps: {
  store: ObjectStore;
  redis: Pick<Redis, 'status'>;
  jobs: Pick<DetectionJobs, 'addDelivery'>;
  outbound: OutboundRuleOptions;
  secretKeys: SecretKeys;
}): Webhooks {
  const { store, secretKeys } = deps;
  const serviceKeys = deriveServiceSigningKeys(secretKeys);
  const outbound = openGuardedDispatcher(deps.outbound);
  const records = limitEndpointRecords(openEndpointRecords(store));
  const recent = createRecentEndpoints(records);
  const { rules } = outbound;
  return {
    endpoints: createWebhookEndpoints({
      records,
      recent,
      box: openSecretBox(secretKeys),
      rules,
      send: createEndpointSender(outbound, serviceKeys[0]!.privateKey, Date.now),
      nowMs: Date.now,
    }),
    chooseCallback: createChooseCallback({ records, recent, rules }),
    redeliver: createRedeliverWebhooks({
      store,
      enqueue: createDeliveryProducer(deps.redis, deps.jobs),
      nowMs: Date.now,
    }),
    readDeliveries: createDeliveryReader(store),
    publicKeys: serviceKeys.map(({ jwk }) => jwk),
    close: () => outbound.close(),
  };
}
