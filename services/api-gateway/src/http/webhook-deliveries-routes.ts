import type { RequestHandler } from 'express';
import { DetectionId } from '@touchstone/shared/contracts/detection-id';
import { ReplayAnswer, ReplayWebhooks, WebhookDeliveryPage } from '@touchstone/shared/contracts/webhook-endpoint';
import { parseDeliveryQuery } from '../core/delivery-query.ts';
import { cursorOf } from '../core/list-query.ts';
import { noSuchDetection } from '../core/no-such-detection.ts';
import { representDelivery } from '../core/represent-endpoint.ts';
import type { Gateway } from './gateway.ts';
import { readJsonBody } from './read-json-body.ts';
import { contextOf } from './request-context.ts';
import { sendJson } from './send-body.ts';
import { ENDPOINTS_PATH, endpointIdOf, NoBody } from './webhook-endpoints-routes.ts';

/** `GET .../deliveries`: attempts in the order in which their detections were accepted. */
export function createDeliveriesRoute({ webhooks }: Gateway): RequestHandler {
  return async (request, response) => {
    const tenant = contextOf(response).tenant!;
    const { id } = await webhooks.endpoints.read(tenant, endpointIdOf(request));
    const { searchParams } = new URL(request.originalUrl, 'http://localhost');
    const { records, next } = await webhooks.readDeliveries(tenant, id, parseDeliveryQuery(searchParams));
    const cursor = next === null ? null : cursorOf(next);
    const page = WebhookDeliveryPage.parse({ data: records.map(representDelivery), next_cursor: cursor });
    searchParams.set('cursor', cursor ?? '');
    sendJson(request, response, 200, JSON.stringify(page), {
      'Cache-Control': 'no-store',
      ...(cursor === null
        ? {}
        : { Link: `<${ENDPOINTS_PATH}/${id}/deliveries?${searchParams.toString()}>; rel="next"` }),
    });
  };
}

/** `POST .../deliveries/{detection}/redeliver`: 202 once the message is enqueued. */
export function createRedeliverRoute({ webhooks }: Gateway): RequestHandler {
  return async (request, response) => {
    const endpoint = await webhooks.endpoints.read(contextOf(response).tenant!, endpointIdOf(request));
    const id = DetectionId.safeParse(request.params['detection']);
    if (!id.success) throw noSuchDetection();
    await readJsonBody(request, response, NoBody);
    await webhooks.redeliver.one(endpoint, id.data);
    sendJson(request, response, 202, JSON.stringify(ReplayAnswer.parse({ enqueued: 1, next_cursor: null })));
  };
}

/** `POST .../replay`: 202 with how many were enqueued, and a cursor as long as the window goes on. */
export function createReplayRoute({ webhooks }: Gateway): RequestHandler {
  return async (request, response) => {
    const endpoint = await webhooks.endpoints.read(contextOf(response).tenant!, endpointIdOf(request));
    const window = await readJsonBody(request, response, ReplayWebhooks);
    const { enqueued, next } = await webhooks.redeliver.window(endpoint, window);
    const answer = ReplayAnswer.parse({ enqueued, next_cursor: next === null ? null : cursorOf(next) });
    sendJson(request, response, 202, JSON.stringify(answer));
  };
}
