import type { Request, RequestHandler } from 'express';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { AppError } from '@touchstone/shared/contracts/failure';
import type { ApiKeys } from '../adapters/api-keys-file.ts';
import { decideAccess, type Visitor } from '../core/access.ts';
import type { Scope } from '../core/api-key.ts';
import { limitedAddress } from '../core/limited-address.ts';
import { contextOf } from './request-context.ts';

export type Authorize = (scope: Scope, route?: 'anonymous-detect') => RequestHandler;

const ANONYMOUS_PER_MINUTE = 10;

/** Lets a request on in the name of a tenant, or refuses it before anything of its body is read. */
export function createAuthorize(keys: ApiKeys, opensAnonymousDetect: boolean): Authorize {
  const limiter = new RateLimiterMemory({ points: ANONYMOUS_PER_MINUTE, duration: 60 });
  return (scope, route) => async (request, response, next) => {
    const access = decideAccess(visitorOf(request), scope, await keys.current(), {
      allowsAnonymous: opensAnonymousDetect && route === 'anonymous-detect',
      nowMs: Date.now(),
    });
    const context = contextOf(response);
    context.tenant = access.tenant;
    context.keyId = access.keyId;
    if (access.isAnonymous) await countAnonymous(limiter, limitedAddress(request.ip ?? ''));
    next();
  };
}

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

async function countAnonymous(limiter: RateLimiterMemory, address: string): Promise<void> {
  try {
    await limiter.consume(address);
  } catch (thrown) {
    if (!(thrown instanceof RateLimiterRes)) throw thrown;
    throw new AppError('rate_limited', `Without an API key, ${ANONYMOUS_PER_MINUTE} images per minute are accepted.`, {
      headers: { 'Retry-After': String(Math.max(1, Math.ceil(thrown.msBeforeNext / 1_000))) },
    });
  }
}
