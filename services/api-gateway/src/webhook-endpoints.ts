import { randomBytes } from 'node:crypto';
import type { Tenant } from '@touchstone/shared/contracts/detection-id';
import { AppError } from '@touchstone/shared/contracts/failure';
import {
  endpointSecretContext,
  newEndpointId,
  type EndpointId,
  type EndpointRecord,
} from '@touchstone/shared/contracts/webhook';
import type { ChangeWebhookEndpoint, CreateWebhookEndpoint } from '@touchstone/shared/contracts/webhook-endpoint';
import type { OutboundRules } from '@touchstone/shared/outbound/guarded-url';
import { generateWebhookSecret } from '@touchstone/shared/outbound/webhook-keys';
import type { SecretBox } from '@touchstone/shared/secrets/secret-box';
import type { EndpointChange, EndpointRecords } from '@touchstone/shared/webhooks/endpoint-records';
import type { EndpointSender } from './adapters/endpoint-sender.ts';
import type { RecentEndpoints } from './adapters/recent-endpoints.ts';
import { InvalidFields } from './core/invalid-fields.ts';
import { noSuchEndpoint } from './core/no-such-endpoint.ts';
import { receiverUrlOf } from './core/receiver-url.ts';
import { isSecretValid, rotateSecrets } from './core/rotate-secrets.ts';

/** A record, and its new secret in the clear: this once. */
export type WithSecret = { record: EndpointRecord; secret: string };

/** Every method throws the refusal; an unknown endpoint is one. */
export type WebhookEndpoints = {
  create(tenant: Tenant, asked: CreateWebhookEndpoint): Promise<WithSecret>;
  list(tenant: Tenant): Promise<EndpointRecord[]>;
  read(tenant: Tenant, id: EndpointId): Promise<EndpointRecord>;
  change(tenant: Tenant, id: EndpointId, asked: ChangeWebhookEndpoint): Promise<EndpointRecord>;
  remove(tenant: Tenant, id: EndpointId): Promise<void>;
  rotateSecret(tenant: Tenant, id: EndpointId, secret: string | undefined): Promise<WithSecret>;
  test(tenant: Tenant, id: EndpointId): ReturnType<EndpointSender>;
};

const MAX_ENDPOINTS = 20;

export function createWebhookEndpoints(deps: {
  records: EndpointRecords;
  recent: RecentEndpoints;
  box: SecretBox;
  rules: OutboundRules;
  send: EndpointSender;
  nowMs: () => number;
}): WebhookEndpoints {
  const { records, recent, box, rules, send, nowMs } = deps;
  const now = () => new Date(nowMs()).toISOString();
  const sealFor = (tenant: Tenant, id: EndpointId, secret: string) =>
    box.seal(secret, endpointSecretContext(tenant, id));
  const secretsOf = ({ tenant, id, secrets }: EndpointRecord) =>
    secrets
      .filter((secret) => isSecretValid(secret, nowMs()))
      .map(({ sealed }) => box.open(sealed, endpointSecretContext(tenant, id)));

  const read = async (tenant: Tenant, id: EndpointId) => {
    const record = await records.read(tenant, id);
    if (record === null) throw noSuchEndpoint();
    return record;
  };
  const change = async (
    tenant: Tenant,
    id: EndpointId,
    decide: (current: EndpointRecord) => EndpointChange | null,
  ): Promise<EndpointRecord> => {
    const record = await records.change(tenant, id, decide);
    recent.forget(tenant);
    if (record === null) throw noSuchEndpoint();
    return record;
  };

  /** Whoever names an address must be able to answer there, or webhooks would be a way to pester strangers. */
  const verify = async (endpoint: EndpointId, url: string, secrets: string[]) => {
    const challenge = randomBytes(24).toString('base64url');
    const data = { id: endpoint, challenge };
    const outcome = await send({ endpoint, url, event: 'endpoint.verify', data, secrets });
    const problem = problemOf(outcome, challenge);
    if (problem === null) return;
    const isBlocked = outcome.failure === 'blocked_ip' || outcome.failure === 'blocked_url';
    throw new InvalidFields(
      [{ pointer: '/url', detail: problem }],
      isBlocked ? 'webhook_url_blocked' : 'webhook_verification_failed',
      'The address did not answer the challenge as it must; `errors` says what came instead.',
    );
  };
  const assertRoom = async (tenant: Tenant, limit: number) => {
    if ((await records.list(tenant)).length > limit) {
      throw new AppError('state_conflict', `A tenant has at most ${MAX_ENDPOINTS} webhook endpoints.`);
    }
  };
  const remove = (tenant: Tenant, id: EndpointId) => change(tenant, id, () => ({ removed_at: now(), secrets: [] }));

  return {
    async create(tenant, asked) {
      const url = receiverUrlOf(asked.url, rules, '/url');
      await assertRoom(tenant, MAX_ENDPOINTS - 1);
      const id = newEndpointId(nowMs());
      const secret = asked.secret ?? generateWebhookSecret();
      await verify(id, url, [secret]);
      const record: EndpointRecord = {
        v: 1,
        id,
        tenant,
        version: 1,
        url,
        description: asked.description,
        is_default: asked.is_default,
        status: 'enabled',
        disabled_reason: null,
        failing_since: null,
        secrets: [{ sealed: sealFor(tenant, id, secret), created_at: now(), expires_at: null }],
        created_at: now(),
        updated_at: now(),
        removed_at: null,
      };
      await records.create(record);
      recent.forget(tenant);
      try {
        // Others may have been made during the challenge; of those that come last at once, all may have to go.
        await assertRoom(tenant, MAX_ENDPOINTS);
      } catch (error) {
        await remove(tenant, id);
        throw error;
      }
      return { record, secret };
    },
    list: (tenant) => records.list(tenant),
    read,
    async change(tenant, id, asked) {
      const url = asked.url === undefined ? undefined : receiverUrlOf(asked.url, rules, '/url');
      const current = await read(tenant, id);
      if (url !== undefined && url !== current.url) await verify(id, url, secretsOf(current));
      return change(tenant, id, (record) => changeOf(record, { ...asked, url }));
    },
    async remove(tenant, id) {
      await remove(tenant, id);
    },
    async rotateSecret(tenant, id, given) {
      const secret = given ?? generateWebhookSecret();
      const sealed = sealFor(tenant, id, secret);
      const record = await change(tenant, id, ({ secrets }) => ({ secrets: rotateSecrets(secrets, sealed, nowMs()) }));
      return { record, secret };
    },
    async test(tenant, id) {
      const record = await read(tenant, id);
      return send({
        endpoint: id,
        url: record.url,
        event: 'endpoint.test',
        data: { id },
        secrets: secretsOf(record),
      });
    },
  };
}

function changeOf(record: EndpointRecord, asked: ChangeWebhookEndpoint): EndpointChange | null {
  const { url, description, is_default, status } = asked;
  const isOther = url !== undefined && url !== record.url;
  const isSwitched = status !== undefined && status !== record.status;
  const change: EndpointChange = {
    ...(isOther ? { url } : {}),
    ...(description === undefined ? {} : { description }),
    ...(is_default === undefined ? {} : { is_default }),
    ...(isSwitched ? { status, disabled_reason: status === 'disabled' ? 'by_request' : null } : {}),
    // What the old address did says nothing of the new one, and whoever switches it on starts afresh.
    ...(isOther || (isSwitched && status === 'enabled') ? { failing_since: null } : {}),
  };
  return Object.keys(change).length === 0 ? null : change;
}

/** What was wrong with the answer to a challenge: the class of failure, or null. */
function problemOf(
  { status, failure, bodyStart }: Awaited<ReturnType<EndpointSender>>,
  challenge: string,
): string | null {
  if (failure !== null) return failure;
  if (status === null || status < 200 || status > 299) return `http_status_${status}`;
  return isEcho(bodyStart, challenge) ? null : 'challenge_not_echoed';
}

function isEcho(text: string, challenge: string): boolean {
  try {
    const answer: unknown = JSON.parse(text);
    return typeof answer === 'object' && answer !== null && 'challenge' in answer && answer.challenge === challenge;
  } catch {
    return false;
  }
}
