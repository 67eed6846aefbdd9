import type { DeliveryRecord, EndpointRecord } from '@touchstone/shared/contracts/webhook';

/** reliability.md section 4 W6. */
const DISABLED_AFTER_MS = 5 * 86_400_000;

export type HealthChange = Partial<Pick<EndpointRecord, 'status' | 'disabled_reason' | 'failing_since'>>;

/** What an attempt changes of its endpoint; null: nothing. Only transitions are stored, or each attempt were a version. */
export function changeOfHealth(
  endpoint: EndpointRecord,
  outcome: DeliveryRecord['outcome'],
  nowMs: number,
): HealthChange | null {
  if (outcome === 'disabled' || endpoint.status === 'disabled') return null;
  if (outcome === 'delivered') return endpoint.failing_since === null ? null : { failing_since: null };
  if (outcome === 'gone') return { status: 'disabled', disabled_reason: 'gone' };
  if (endpoint.failing_since === null) return { failing_since: new Date(nowMs).toISOString() };
  const failsForMs = nowMs - Date.parse(endpoint.failing_since);
  return failsForMs >= DISABLED_AFTER_MS ? { status: 'disabled', disabled_reason: 'failing' } : null;
}
