import type { RequestHandler } from 'express';
import type { Gateway } from './gateway.ts';
import { sendTagged, tagOf } from './send-body.ts';

/** Short enough that a new key is known soon after it is added, before it signs. */
const MAX_AGE_S = 300;

/** `GET /.well-known/jwks.json`: the keys that the service signs webhooks with, those of before and after included. */
export function createJwksRoute({ webhooks }: Gateway): RequestHandler {
  return (request, response) => {
    const body = JSON.stringify({ keys: webhooks.publicKeys });
    sendTagged(
      request,
      response,
      'application/json',
      { body, etag: tagOf(body) },
      {
        'Cache-Control': `public, max-age=${MAX_AGE_S}`,
      },
    );
  };
}
