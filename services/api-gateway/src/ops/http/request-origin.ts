import type { Request, RequestHandler } from 'express';
import { AppError } from '@touchstone/shared/contracts/failure';
import { isSameOrigin, type RequestOrigin } from '../core/judge-request.ts';

export function originOf(request: Request): RequestOrigin {
  const { headers } = request;
  return {
    method: request.method,
    address: request.socket.remoteAddress ?? '',
    host: headers.host,
    origin: headers.origin,
    fetchSite: request.get('sec-fetch-site'),
    isForwarded: ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via'].some((name) => request.get(name) !== undefined),
  };
}

/** Refuses what a page of another origin makes a browser send. */
export const refuseCrossSite: RequestHandler = (request, _response, next) => {
  if (!isSameOrigin(originOf(request))) {
    throw new AppError('malformed_request', 'A request that changes something must come from a page of this address.');
  }
  next();
};
