import type { RequestHandler } from 'express';
import type { Gateway } from './gateway.ts';
import { sendBody, sendJson } from './send-body.ts';

const NO_STORE = { 'Cache-Control': 'no-store' };

/** Always 200: the answer itself tells what is amiss. */
export function createHealthRoute({ reportHealth }: Pick<Gateway, 'reportHealth'>): RequestHandler {
  return async (request, response) => {
    sendJson(request, response, 200, JSON.stringify(await reportHealth()), NO_STORE);
  };
}

export const answerAlive: RequestHandler = (request, response) => {
  sendBody(request, response, 200, 'text/plain', 'ok\n', NO_STORE);
};

/** Whether uploads can be accepted; contract.md section 3: the store accepts a write, whatever Redis does. */
export function createReadyRoute({ isReady }: Pick<Gateway, 'isReady'>): RequestHandler {
  return async (request, response) => {
    const ready = await isReady();
    sendBody(request, response, ready ? 200 : 503, 'text/plain', ready ? 'ready\n' : 'not ready\n', NO_STORE);
  };
}
