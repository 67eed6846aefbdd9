import type { Request, Response } from 'express';
import { Detection } from '@touchstone/shared/contracts/detection';
import type { DetectionId } from '@touchstone/shared/contracts/detection-id';
import type { RequestRecord } from '@touchstone/shared/contracts/request-record';
import { noSuchDetection } from '../core/no-such-detection.ts';
import { representDetection } from '../core/represent-detection.ts';
import { detectionHeaders, locationOf } from './detection-headers.ts';
import type { Gateway } from './gateway.ts';
import { contextOf } from './request-context.ts';
import { sendJson } from './send-body.ts';

/** 202 for a question that was stored just now: nothing is known of it but what it says. */
export function sendFresh(request: Request, response: Response, record: RequestRecord): void {
  const state = { request: record, revision: 1, verdict: null, partials: [], hasStarted: false };
  send(request, response, record.id, JSON.stringify(Detection.parse(representDetection(state))));
}

/** 202 for a question that has been underway for a while, with what is known by now. */
export async function sendState(
  { reader }: Pick<Gateway, 'reader'>,
  request: Request,
  response: Response,
  id: DetectionId,
): Promise<void> {
  const answer = await reader.answer(contextOf(response).tenant!, id);
  // It was accepted, so it can only have been erased meanwhile.
  if (answer === null) throw noSuchDetection();
  send(request, response, id, answer.body);
}

function send(request: Request, response: Response, id: DetectionId, body: string): void {
  sendJson(request, response, 202, body, { ...detectionHeaders(id, false), Location: locationOf(id) });
}
