import type { Request, RequestHandler, Response } from 'express';
import { AppError } from '@touchstone/shared/contracts/failure';
import type { ApiKeys } from '../adapters/api-keys-file.ts';
import { createOwnRateCounter } from '../adapters/rate-counter.ts';
import { decideAccess, type Access, type Visitor } from '../core/access.ts';
import type { Scope } from '../core/api-key.ts';
import { limitedAddress } from '../core/limited-address.ts';
import { retryAfterOf } from '../core/rate-limit.ts';
import { contextOf } from './request-context.ts';

export type Authorize = (scope: Scope, route?: 'anonymous-detect') => RequestHandler;

/** The address stands for an anonymous caller. */
export type Caller = Access & { address: string };

const CALLER = 'caller';
const accessTo = (response: Response, caller: Caller) => void (response.locals[CALLER] = caller);

/** Who was let on. */
export const accessOf = (response: Response): Caller => response.locals[CALLER] as Caller;

/**
 * Lets a request on in the name of a tenant, or refuses it before anything of its body is read. Requests of one key,
 * polls above all, have a limit of their own that protects this process; 0 sets none.
 */
export function createAuthorize(
  keys: ApiKeys,
  options: { opensAnonymousDetect: boolean; requestsPerMinute: number },
): Authorize {
  const countRequest = createOwnRateCounter();
  const policy = { name: 'requests', quota: options.requestsPerMinute, windowS: 60 };
  return (scope, route) => async (request, response, next) => {
    const access = decideAccess(visitorOf(request), scope, await keys.current(), {
      allowsAnonymous: options.opensAnonymousDetect && route === 'anonymous-detect',
      nowMs: Date.now(),
    });
    const context = contextOf(response);
    context.tenant = access.tenant;
    context.keyId = access.keyId;
    accessTo(response, { ...access, address: limitedAddress(request.ip ?? '') });
    if (access.keyId !== null && policy.quota > 0) {
      const count = await countRequest(access.keyId, policy.windowS);
      const retryAfterS = retryAfterOf([{ ...policy, ...count }]);
      if (retryAfterS !== null) throw tooManyRequests(policy.quota, retryAfterS);
    }
    next();
  };
}

const tooManyRequests = (quota: number, retryAfterS: number) =>
  new AppError('rate_limited', `${quota} requests of one key within a minute are answered, and there were more.`, {
    headers: { 'Retry-After': String(retryAfterS) },
  });

function visitorOf(request: Request): Visitor {
  const { headers } = request;
  const given = (name: string) => request.get(name);
  return {
    address: request.socket.remoteAddress ?? '',
    host: headers.host,
    origin: headers.origin,
    fetchSite: given('sec-fetch-site'),
    authorization: headers.authorization,
    isForwarded: ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via'].some((name) => given(name) !== undefined),
  };
}
