import type { Request, Response } from 'express';
import type { DetectionId } from '@touchstone/shared/contracts/detection-id';
import { detectionHeaders, locationOf } from './detection-headers.ts';
import type { Gateway } from './gateway.ts';
import { contextOf } from './request-context.ts';
import { sendJson } from './send-body.ts';

/** 202 with where to look and what is known so far. */
export async function sendAccepted(
  { reader }: Pick<Gateway, 'reader'>,
  request: Request,
  response: Response,
  id: DetectionId,
): Promise<void> {
  const answer = await reader.answer(contextOf(response).tenant!, id);
  if (answer === null) throw new Error('a detection that was just accepted is not in the store');
  sendJson(request, response, 202, answer.body, {
    ...detectionHeaders(id, false),
    Location: locationOf(id),
  });
}
