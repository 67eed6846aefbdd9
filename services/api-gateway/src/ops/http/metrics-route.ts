import type { Request, RequestHandler } from 'express';
import { AppError } from '@touchstone/shared/contracts/failure';
import { isPassword, readBasicPassword } from '../core/credentials.ts';
import { isLocalProgram } from '../core/judge-request.ts';
import type { Attempts } from './attempts.ts';
import { sessionOf } from './login-routes.ts';
import { originOf } from './request-origin.ts';
import type { Sessions } from './sessions.ts';

/** The format that prom-client and Prometheus agree on. */
const EXPOSITION_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** Lets programs of this machine, sessions and `Authorization: Basic` with the operators' password on. */
export function requireMetricsAccess(deps: {
  password: string;
  sessions: Sessions;
  attempts: Attempts;
}): RequestHandler {
  const hasPassword = async (request: Request, given: string): Promise<boolean> => {
    const waitSeconds = await deps.attempts.count(request);
    if (waitSeconds !== null) {
      throw new AppError('rate_limited', undefined, { headers: { 'Retry-After': String(waitSeconds) } });
    }
    if (!isPassword(given, deps.password)) return false;
    await deps.attempts.forgive(request);
    return true;
  };
  return async (request, _response, next) => {
    const given = readBasicPassword(request.headers.authorization);
    if (given !== null ? await hasPassword(request, given) : deps.sessions.isOpen(sessionOf(request))) return next();
    if (request.headers.authorization === undefined && isLocalProgram(originOf(request))) return next();
    throw new AppError('unauthenticated', 'Send the operators’ password by HTTP Basic, user `ops`.', {
      headers: { 'WWW-Authenticate': 'Basic realm="touchstone operators", charset="UTF-8"' },
    });
  };
}

export function createMetricsRoute(collect: () => Promise<string>): RequestHandler {
  return async (request, response) => {
    const body = await collect();
    response.status(200).setHeader('Content-Type', EXPOSITION_TYPE);
    response.end(request.method === 'HEAD' ? undefined : body);
  };
}
