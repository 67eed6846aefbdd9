import type { RequestHandler } from 'express';
import { Capabilities } from '@touchstone/shared/contracts/capabilities';
import type { Gateway } from './gateway.ts';
import { sendTagged, tagOf } from './send-body.ts';

/** What this deployment can say: the same for every tenant, and other as soon as a worker comes or goes. */
export function createCapabilitiesRoute({ capabilities }: Pick<Gateway, 'capabilities'>): RequestHandler {
  return async (request, response) => {
    const body = JSON.stringify(Capabilities.parse(await capabilities.describe()));
    const headers = { 'Cache-Control': 'private, no-cache' };
    sendTagged(request, response, 'application/json', { body, etag: tagOf(body) }, headers);
  };
}
