import { DEFAULT_TENANT } from '../src/contracts/detection-id.ts';
import { newEndpointId, type EndpointRecord } from '../src/contracts/webhook.ts';

/** An enabled endpoint for tests; unless told otherwise nobody can open its secret. */
export function endpointOf(more: Partial<EndpointRecord> = {}): EndpointRecord {
  const at = '2026-11-25T10:00:00.000Z';
  return {
    v: 1,
    id: newEndpointId(Date.now()),
    tenant: DEFAULT_TENANT,
    version: 1,
    url: 'https://example.com/hook',
    description: null,
    is_default: false,
    status: 'enabled',
    disabled_reason: null,
    failing_since: null,
    secrets: [{ sealed: 'none', created_at: at, expires_at: null }],
    created_at: at,
    updated_at: at,
    removed_at: null,
    ...more,
  };
}
