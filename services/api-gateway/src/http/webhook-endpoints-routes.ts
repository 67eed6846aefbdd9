import type { Request, RequestHandler } from 'express';
import { EndpointId, type EndpointRecord } from '@touchstone/shared/contracts/webhook';
import {
  ChangeWebhookEndpoint,
  CreateWebhookEndpoint,
  RotateWebhookSecret,
  WebhookEndpoint,
  WebhookEndpointList,
  WebhookEndpointWithSecret,
  WebhookTest,
} from '@touchstone/shared/contracts/webhook-endpoint';
import { z } from 'zod';
import { noSuchEndpoint } from '../core/no-such-endpoint.ts';
import { representEndpoint } from '../core/represent-endpoint.ts';
import type { WithSecret } from '../webhook-endpoints.ts';
import type { Gateway } from './gateway.ts';
import { readJsonBody } from './read-json-body.ts';
import { contextOf } from './request-context.ts';
import { sendJson } from './send-body.ts';

export const ENDPOINTS_PATH = '/api/v1/webhook-endpoints';
/** Secrets in some, and none that anybody else may keep. */
const NOT_KEPT = { 'Cache-Control': 'no-store' };

export const NoBody = z.strictObject({});

export function endpointIdOf(request: Request): EndpointId {
  const id = EndpointId.safeParse(request.params['id']);
  if (!id.success) throw noSuchEndpoint();
  return id.data;
}

const shown = (record: EndpointRecord) => JSON.stringify(WebhookEndpoint.parse(representEndpoint(record, Date.now())));
const shownWithSecret = ({ record, secret }: WithSecret) =>
  JSON.stringify(WebhookEndpointWithSecret.parse({ ...representEndpoint(record, Date.now()), secret }));

/** `POST /api/v1/webhook-endpoints`: 201 with the secret, once the receiver has answered a challenge. */
export function createEndpointCreateRoute({ webhooks }: Gateway): RequestHandler {
  return async (request, response) => {
    const asked = await readJsonBody(request, response, CreateWebhookEndpoint);
    const made = await webhooks.endpoints.create(contextOf(response).tenant!, asked);
    const headers = { ...NOT_KEPT, Location: `${ENDPOINTS_PATH}/${made.record.id}` };
    sendJson(request, response, 201, shownWithSecret(made), headers);
  };
}

/** `GET /api/v1/webhook-endpoints`: all of them, oldest first. There are few, so there are no pages. */
export function createEndpointListRoute({ webhooks }: Gateway): RequestHandler {
  return async (request, response) => {
    const records = await webhooks.endpoints.list(contextOf(response).tenant!);
    const data = records.map((record) => representEndpoint(record, Date.now()));
    sendJson(request, response, 200, JSON.stringify(WebhookEndpointList.parse({ data })), NOT_KEPT);
  };
}

export function createEndpointReadRoute({ webhooks }: Gateway): RequestHandler {
  return async (request, response) => {
    const record = await webhooks.endpoints.read(contextOf(response).tenant!, endpointIdOf(request));
    sendJson(request, response, 200, shown(record), NOT_KEPT);
  };
}

/** `PATCH`: a new address has to answer a challenge first; nothing changes unless it does. */
export function createEndpointChangeRoute({ webhooks }: Gateway): RequestHandler {
  return async (request, response) => {
    const id = endpointIdOf(request);
    const asked = await readJsonBody(request, response, ChangeWebhookEndpoint);
    sendJson(
      request,
      response,
      200,
      shown(await webhooks.endpoints.change(contextOf(response).tenant!, id, asked)),
      NOT_KEPT,
    );
  };
}

export function createEndpointRemoveRoute({ webhooks }: Gateway): RequestHandler {
  return async (request, response) => {
    await webhooks.endpoints.remove(contextOf(response).tenant!, endpointIdOf(request));
    response.status(204).end();
  };
}

/** `POST .../rotate-secret`: the new secret; the old one signs for another day. */
export function createSecretRotateRoute({ webhooks }: Gateway): RequestHandler {
  return async (request, response) => {
    const id = endpointIdOf(request);
    const { secret } = await readJsonBody(request, response, RotateWebhookSecret);
    const made = await webhooks.endpoints.rotateSecret(contextOf(response).tenant!, id, secret);
    sendJson(request, response, 200, shownWithSecret(made), NOT_KEPT);
  };
}

/** `POST .../test`: 200 with what came of it, whatever that was. A disabled endpoint can be tested as well. */
export function createEndpointTestRoute({ webhooks }: Gateway): RequestHandler {
  return async (request, response) => {
    const id = endpointIdOf(request);
    await readJsonBody(request, response, NoBody);
    const outcome = await webhooks.endpoints.test(contextOf(response).tenant!, id);
    const { status } = outcome;
    const test: WebhookTest = {
      delivered: status !== null && status >= 200 && status <= 299,
      webhook_id: outcome.webhookId,
      http_status: status,
      error_class: outcome.failure,
      latency_ms: outcome.elapsedMs,
      response_start: outcome.bodyStart,
    };
    sendJson(request, response, 200, JSON.stringify(WebhookTest.parse(test)), NOT_KEPT);
  };
}
