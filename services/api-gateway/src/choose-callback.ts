import type { Tenant } from '@touchstone/shared/contracts/detection-id';
import { AppError } from '@touchstone/shared/contracts/failure';
import { Callback, type EndpointId } from '@touchstone/shared/contracts/webhook';
import type { OutboundRules } from '@touchstone/shared/outbound/guarded-url';
import type { EndpointRecords } from '@touchstone/shared/webhooks/endpoint-records';
import type { RecentEndpoints } from './adapters/recent-endpoints.ts';
import type { CallbackWish } from './core/detection-options.ts';
import { InvalidFields } from './core/invalid-fields.ts';
import { receiverUrlOf } from './core/receiver-url.ts';

export type Asker = { tenant: Tenant; isAnonymous: boolean };

/**
 * Who hears of the verdict; undefined when nobody does. Throws the refusal. A store that does not answer is one too: to
 * go on without would drop a webhook that was promised.
 */
export type ChooseCallback = (asker: Asker, wish: CallbackWish) => Promise<Callback | undefined>;

export function createChooseCallback(deps: {
  records: Pick<EndpointRecords, 'read'>;
  recent: RecentEndpoints;
  rules: OutboundRules;
}): ChooseCallback {
  const { records, recent, rules } = deps;
  const isEnabled = async (tenant: Tenant, id: EndpointId) => {
    const known = (await recent.of(tenant)).find((record) => record.id === id);
    // One that was made through another gateway a moment ago is not known yet.
    const record = known ?? (await records.read(tenant, id));
    return record?.status === 'enabled';
  };
  return async ({ tenant, isAnonymous }, wish) => {
    if (isAnonymous && (wish.url !== null || wish.endpoint !== null)) {
      throw new AppError('unauthenticated', 'Webhooks are for callers with an API key.');
    }
    if (wish.url !== null) return Callback.parse({ kind: 'once', url: receiverUrlOf(wish.url, rules, '/webhook_url') });
    if (wish.endpoint !== null) {
      if (await isEnabled(tenant, wish.endpoint)) return { kind: 'endpoint', endpoint: wish.endpoint };
      throw new InvalidFields(
        [{ pointer: '/webhook_endpoint_id', detail: 'is not an endpoint that is there and enabled' }],
        'webhook_endpoint_unavailable',
      );
    }
    // Oldest first.
    const fallback = (await recent.of(tenant)).find((record) => record.is_default && record.status === 'enabled');
    return fallback && { kind: 'endpoint', endpoint: fallback.id };
  };
}
