import type { Tenant } from '@touchstone/shared/contracts/detection-id';
import type { RequestRecord } from '@touchstone/shared/contracts/request-record';
import type { VerdictRecord } from '@touchstone/shared/contracts/verdict-record';
import {
  endpointSecretContext,
  ONCE,
  receiverOf,
  type DeliveryRecord,
  type EndpointId,
  type EndpointRecord,
  type Receiver,
} from '@touchstone/shared/contracts/webhook';
import type { GuardedDispatcher } from '@touchstone/shared/outbound/guarded-dispatcher';
import { guardedPost } from '@touchstone/shared/outbound/guarded-request';
import { decideDelivery, type DeliveryDecision } from '@touchstone/shared/outbound/webhook-schedule';
import { signWebhook } from '@touchstone/shared/outbound/webhook-signature';
import type { DeliveryPayload } from '@touchstone/shared/queue/catalog';
import { RetryLaterError } from '@touchstone/shared/queue/retry-later-error';
import type { SecretBox } from '@touchstone/shared/secrets/secret-box';
import type { RevisionRef } from '@touchstone/shared/storage/keys';
import type { DeliveryLog } from '@touchstone/shared/webhooks/delivery-log';
import { messageOf } from '@touchstone/shared/webhooks/detection-message';
import type { EndpointRecords } from '@touchstone/shared/webhooks/endpoint-records';
import type { DetectionRecords } from './adapters/detection-records.ts';
import { changeOfHealth, type HealthChange } from './core/endpoint-health.ts';
import { planDelivery } from './core/plan-delivery.ts';
import type { ReceiverGate } from './core/receiver-gate.ts';

export type DeliverDeps = {
  records: DetectionRecords;
  log: DeliveryLog;
  endpoints: EndpointRecords;
  box: SecretBox;
  /** `whsk_` text of the service's own key: the only signature that an address given once can check. */
  serviceKey: string;
  outbound: GuardedDispatcher;
  gate: ReceiverGate;
  deadlineMs: number;
  onAttempt(record: DeliveryRecord, sinceVerdictMs: number): void;
  /** The receiver, not its owner, has switched the endpoint off. */
  onDisabled(event: { tenant: Tenant; endpoint: EndpointId; reason: string }): void;
  nowMs(): number;
  /** Uniform in [0, 1). */
  random(): number;
};

/** Where to send, and the keys to sign with. Null: this receiver gets nothing any more. */
type Address = { url: string; keys: string[] } | null;

/**
 * One attempt to tell the receiver of a revision, or the reason why none is due. Order: POST, record of the attempt,
 * health of the endpoint, marker last. A crash in between costs one more delivery with the same id and bytes, never
 * none. Throws RetryLaterError as long as the receiver is owed the message.
 */
export async function deliverWebhook(deps: DeliverDeps, payload: DeliveryPayload): Promise<void> {
  const { records, log } = deps;
  const ref: RevisionRef = { tenant: payload.tenant, id: payload.id, revision: payload.revision };
  const [isErased, request, verdict] = await Promise.all([
    records.isErased(ref),
    records.request(ref),
    records.verdict(ref),
  ]);
  const receiver = payload.receiver ?? calledBack(request);
  // What was erased, has outlived its retention or names nobody is owed to nobody.
  if (isErased || request === null || verdict === null || receiver === null) return records.settleDelivery(ref);
  const plan = planDelivery({
    cause: payload.cause,
    isOwed: await records.owesDelivery(ref),
    log: await log.attempts(receiver, ref),
    nowMs: deps.nowMs(),
  });
  switch (plan.kind) {
    case 'nothing':
      return;
    case 'settled':
      return records.settleDelivery(ref);
    case 'wait':
      throw new RetryLaterError(plan.delayMs, 'the next attempt is not due');
    case 'send':
      await attempt(deps, { ref, request, verdict, receiver, cause: payload.cause, attempt: plan.attempt });
  }
}

type Delivery = {
  ref: RevisionRef;
  request: RequestRecord;
  verdict: VerdictRecord;
  receiver: Receiver;
  cause: DeliveryRecord['cause'];
  attempt: number;
};

async function attempt(deps: DeliverDeps, delivery: Delivery): Promise<void> {
  const { ref, request, verdict, receiver, cause } = delivery;
  const endpoint = receiver === ONCE ? null : await deps.endpoints.read(ref.tenant, receiver);
  const address = addressOf(deps, delivery, endpoint);
  const message = messageOf(verdict, request.options.external_id);
  const base = {
    v: 1 as const,
    ...ref,
    receiver,
    webhook_id: message.webhookId,
    event: message.event,
    at: new Date(deps.nowMs()).toISOString(),
    cause,
  };
  if (address === null) {
    const nothing = { status: null, error_class: null, latency_ms: 0, response_start: '', next_attempt_at: null };
    return finish(deps, delivery, endpoint, { ...base, ...nothing, outcome: 'disabled' });
  }
  // An origin is shared by many addresses that were given once: one of them may not pause the others.
  const entered = deps.gate.enter(receiver === ONCE ? new URL(address.url).origin : receiver);
  if ('waitMs' in entered) throw new RetryLaterError(entered.waitMs, 'the receiver is busy or asked for a pause');
  let pauseMs = 0;
  let record: Omit<DeliveryRecord, 'attempt'>;
  try {
    const timestampSeconds = Math.floor(deps.nowMs() / 1_000);
    const signed = signWebhook({ id: message.webhookId, timestampSeconds, body: message.body }, address.keys);
    const answer = await guardedPost(deps.outbound, address.url, {
      body: message.body,
      headers: { 'content-type': 'application/json', 'user-agent': 'Touchstone-Webhooks/1', ...signed },
      deadlineMs: deps.deadlineMs,
    });
    const at = { attempt: delivery.attempt, nowMs: deps.nowMs(), jitter: deps.random() };
    const decision = decideDelivery(answer, at);
    if (receiver !== ONCE && 'pauseEndpointMs' in decision) pauseMs = decision.pauseEndpointMs;
    const outcome = outcomeOf(decision, cause);
    record = {
      ...base,
      outcome,
      status: answer.status,
      error_class: answer.failure,
      latency_ms: Math.round(answer.elapsedMs),
      response_start: answer.bodyStart,
      next_attempt_at:
        outcome === 'retrying' && decision.kind === 'retry'
          ? new Date(at.nowMs + decision.afterMs).toISOString()
          : null,
    };
  } finally {
    entered.leave(pauseMs);
  }
  await finish(deps, delivery, endpoint, record);
}

async function finish(
  deps: DeliverDeps,
  { ref, request, verdict }: Delivery,
  endpoint: EndpointRecord | null,
  record: Omit<DeliveryRecord, 'attempt'>,
): Promise<void> {
  const stored = await deps.log.append(record);
  deps.onAttempt(stored, Date.parse(record.at) - Date.parse(verdict.completed_at));
  if (await deps.records.isErased(ref)) {
    await deps.log.drop(stored);
    return deps.records.settleDelivery(ref);
  }
  if (endpoint !== null) await noteHealth(deps, endpoint, record.outcome);
  if (record.next_attempt_at !== null) {
    throw new RetryLaterError(Math.max(0, Date.parse(record.next_attempt_at) - deps.nowMs()), 'the attempt failed');
  }
  // By hand nothing was owed, unless it got through to the one who is owed it: then the schedule may rest.
  const isKept = record.outcome === 'delivered' && record.receiver === calledBack(request);
  if (record.cause === 'verdict' || isKept) await deps.records.settleDelivery(ref);
}

/** Asks the record as it was read first: most attempts change nothing. */
async function noteHealth(deps: DeliverDeps, seen: EndpointRecord, outcome: DeliveryRecord['outcome']): Promise<void> {
  const changeOf = (endpoint: EndpointRecord) => changeOfHealth(endpoint, outcome, deps.nowMs());
  if (changeOf(seen) === null) return;
  const { tenant, id } = seen;
  let change: HealthChange = {};
  await deps.endpoints.change(tenant, id, (endpoint) => {
    const wanted = changeOf(endpoint);
    change = wanted ?? {};
    return wanted;
  });
  if (change.disabled_reason) deps.onDisabled({ tenant, endpoint: id, reason: change.disabled_reason });
}

/** What is asked for by hand is tried once. */
function outcomeOf(decision: DeliveryDecision, cause: DeliveryRecord['cause']): DeliveryRecord['outcome'] {
  switch (decision.kind) {
    case 'delivered':
      return 'delivered';
    case 'disable-endpoint':
      return 'gone';
    case 'exhausted':
      return 'exhausted';
    case 'retry':
      return cause === 'verdict' ? 'retrying' : 'exhausted';
  }
}

/** Every secret that has not expired signs, so that a receiver with either one is content during a rotation. */
function addressOf(deps: DeliverDeps, delivery: Delivery, endpoint: EndpointRecord | null): Address {
  const { ref, receiver, request } = delivery;
  if (receiver === ONCE) {
    return request.callback?.kind === 'once' ? { url: request.callback.url, keys: [deps.serviceKey] } : null;
  }
  if (endpoint === null || endpoint.status === 'disabled') return null;
  const valid = endpoint.secrets.filter(
    ({ expires_at: expiresAt }) => expiresAt === null || Date.parse(expiresAt) > deps.nowMs(),
  );
  const context = endpointSecretContext(ref.tenant, endpoint.id);
  const secrets = valid.map(({ sealed }) => deps.box.open(sealed, context));
  return { url: endpoint.url, keys: [...secrets, deps.serviceKey] };
}

const calledBack = (request: RequestRecord | null): Receiver | null =>
  request?.callback === undefined ? null : receiverOf(request.callback);
