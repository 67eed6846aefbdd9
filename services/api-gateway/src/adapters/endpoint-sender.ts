import { randomInt } from 'node:crypto';
import type { EndpointEvent, EndpointId } from '@touchstone/shared/contracts/webhook';
import { AppError } from '@touchstone/shared/contracts/failure';
import type { GuardedDispatcher } from '@touchstone/shared/outbound/guarded-dispatcher';
import { guardedPost, type PostOutcome } from '@touchstone/shared/outbound/guarded-request';
import { webhookId } from '@touchstone/shared/outbound/webhook-id';
import { signWebhook } from '@touchstone/shared/outbound/webhook-signature';

type EndpointMessage = {
  endpoint: EndpointId;
  url: string;
  event: EndpointEvent;
  data: Record<string, string>;
  /** `whsec_` texts. */
  secrets: string[];
};

/** Sends one message about an endpoint to it, and waits for what comes of it. */
export type EndpointSender = (message: EndpointMessage) => Promise<PostOutcome & { webhookId: string }>;

/** A person waits for the outcome. */
const DEADLINE_MS = 10_000;
const MAX_AT_ONCE = 32;
const MAX_SERIAL = 999_999;

/**
 * Signed by the secrets and by the service's own key: a receiver that does not know the secret yet can check the
 * challenge with the latter. Each message has an id of its own, because nothing is sent twice here.
 */
export function createEndpointSender(
  outbound: GuardedDispatcher,
  serviceKey: string,
  nowMs: () => number,
): EndpointSender {
  let underway = 0;
  return async ({ endpoint, url, event, data, secrets }) => {
    if (underway >= MAX_AT_ONCE) throw new AppError('overloaded', 'Too many receivers are being called at once.');
    underway++;
    try {
      const sentMs = nowMs();
      const id = webhookId(endpoint, event, randomInt(1, MAX_SERIAL));
      const body = Buffer.from(JSON.stringify({ type: event, timestamp: new Date(sentMs).toISOString(), data }));
      const message = { id, timestampSeconds: Math.floor(sentMs / 1_000), body };
      const headers = {
        'content-type': 'application/json',
        'user-agent': 'Touchstone-Webhooks/1',
        ...signWebhook(message, [...secrets, serviceKey]),
      };
      return { ...(await guardedPost(outbound, url, { body, headers, deadlineMs: DEADLINE_MS })), webhookId: id };
    } finally {
      underway--;
    }
  };
}
