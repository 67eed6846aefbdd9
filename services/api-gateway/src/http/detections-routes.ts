import type { Request, RequestHandler, Response } from 'express';
import { DetectionId } from '@touchstone/shared/contracts/detection-id';
import { acceptQuestion, type Accepted } from '../accept-once.ts';
import { acceptUpload } from '../accept-upload.ts';
import type { DetectionAnswer } from '../adapters/detection-reader.ts';
import { keyHashOf } from '../core/idempotency.ts';
import { cursorOf, parseListQuery } from '../core/list-query.ts';
import { noSuchDetection } from '../core/no-such-detection.ts';
import { parsePrefer } from '../core/parse-prefer.ts';
import { readQuestion } from '../read-question.ts';
import { accessOf } from './authorize.ts';
import { detectionHeaders, locationOf, markReplay } from './detection-headers.ts';
import type { Gateway } from './gateway.ts';
import { goneSignal } from './gone-signal.ts';
import { receiveUpload } from './receive-upload.ts';
import { contextOf } from './request-context.ts';
import { sendFresh, sendState } from './send-accepted.ts';
import { sendJson, sendTagged } from './send-body.ts';
import { isJson, readUploadClaim } from './uploads-route.ts';

/** `POST /api/v1/detections`: 202, or 200 when the client waits and the verdict comes in time. */
export function createSubmitRoute(gateway: Gateway): RequestHandler {
  const { reader, waiting } = gateway;
  return async (request, response) => {
    const context = contextOf(response);
    const tenant = context.tenant!;
    const waitS = parsePrefer(request.get('prefer')).waitS ?? 0;
    const keyHash = keyHashOf(request.headersDistinct['idempotency-key']);
    const accept = isJson(request)
      ? await receiveClaim(gateway, request, response)
      : await receiveForm(gateway, request, response);
    // When too many wait already, this one is not held but answered like any other.
    const hold = waitS > 0 ? waiting.hold() : null;
    try {
      const { record, isReplay } = await accept(hold !== null, keyHash);
      const { id } = record;
      context.detectionId = id;
      if (isReplay) markReplay(response);
      if (hold === null) return sendFresh(request, response, record);
      const verdict = await hold.verdictOf(tenant, id, waitS * 1_000, goneSignal(response));
      const answer = verdict === null ? null : await reader.answer(tenant, id);
      if (answer === null) return await sendState(gateway, request, response, id);
      sendJson(request, response, 200, answer.body, {
        ...detectionHeaders(id, true),
        Location: locationOf(id),
        'Preference-Applied': `wait=${waitS}`,
      });
    } finally {
      hold?.release();
    }
  };
}

/** Makes a detection of what was received. Has to be called, because it also takes away what lies in the spool. */
type Accept = (isHeld: boolean, keyHash: string | null) => Promise<Accepted>;

async function receiveForm(gateway: Gateway, request: Request, response: Response): Promise<Accept> {
  const { acceptance, spool, offer, webhooks } = gateway;
  const upload = await receiveUpload(request, response, spool);
  const asker = accessOf(response);
  return async (isHeld, keyHash) => {
    try {
      const question = await readQuestion(upload, offer, asker, webhooks.chooseCallback);
      return await acceptQuestion(acceptance, asker.tenant, question, isHeld, keyHash);
    } finally {
      await upload.discard();
    }
  };
}

async function receiveClaim(gateway: Gateway, request: Request, response: Response): Promise<Accept> {
  const claim = await readUploadClaim(request, response);
  const deps = { ...gateway, chooseCallback: gateway.webhooks.chooseCallback };
  return (isHeld, keyHash) => acceptUpload(deps, accessOf(response), claim, isHeld, keyHash);
}

/** `GET /api/v1/detections/{id}`: what is known; with `Prefer: wait` held back until it is everything. */
export function createReadRoute({ reader, waiting }: Gateway): RequestHandler {
  return async (request, response) => {
    const context = contextOf(response);
    const tenant = context.tenant!;
    const id = DetectionId.safeParse(request.params['id']);
    if (!id.success) throw noSuchDetection();
    const found = await reader.answer(tenant, id.data);
    if (found === null) throw noSuchDetection();
    context.detectionId = id.data;
    const waitS = parsePrefer(request.get('prefer')).waitS ?? 0;
    const hold = found.isDone || waitS === 0 ? null : waiting.hold();
    let answer: DetectionAnswer = found;
    try {
      await hold?.verdictOf(tenant, id.data, waitS * 1_000, goneSignal(response));
      if (hold !== null) {
        const later = await reader.answer(tenant, id.data);
        if (later === null) throw noSuchDetection();
        answer = later;
      }
    } finally {
      hold?.release();
    }
    sendTagged(request, response, 'application/json', answer, {
      ...detectionHeaders(id.data, answer.isDone),
      ...(hold === null ? {} : { 'Preference-Applied': `wait=${waitS}` }),
    });
  };
}

/** `GET /api/v1/detections`: the tenant's own, newest first. */
export function createListRoute({ reader }: Gateway): RequestHandler {
  return async (request, response) => {
    const { searchParams } = new URL(request.originalUrl, 'http://localhost');
    const { limit, position } = parseListQuery(searchParams);
    const { bodies, next } = await reader.page(contextOf(response).tenant!, position, limit);
    const cursor = next === null ? null : cursorOf(next);
    const link = `</api/v1/detections?limit=${limit}&cursor=${cursor}>; rel="next"`;
    sendJson(request, response, 200, `{"data":[${bodies.join(',')}],"next_cursor":${JSON.stringify(cursor)}}`, {
      'Cache-Control': 'private, no-cache',
      ...(cursor === null ? {} : { Link: link }),
    });
  };
}
