import type { Socket } from 'node:net';
import type { Request, RequestHandler } from 'express';
import { AppError } from '@touchstone/shared/contracts/failure';

/** Headers of every answer. A page sets its own policy in place of this one. */
const SECURITY_HEADERS = {
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
};

export const setSecurityHeaders: RequestHandler = (_request, response, next) => {
  response.set(SECURITY_HEADERS);
  next();
};

const doubtful = new WeakSet<Socket>();

/**
 * Refuses what a proxy in front may have read differently, and what Node lets pass: several hosts, and a transfer coding
 * besides `chunked` (reliability.md U12). Nothing that follows on the connection is answered: where this request ends is
 * what the two may disagree on, and Node has read the next one before the refusal is out.
 */
export const refuseAmbiguousFraming: RequestHandler = (request, response, next) => {
  const problem = doubtful.has(request.socket) ? 'The connection is being closed.' : problemOfFraming(request);
  if (problem === null) return next();
  doubtful.add(request.socket);
  response.setHeader('Connection', 'close');
  throw new AppError('malformed_request', problem);
};

function problemOfFraming(request: Request): string | null {
  const names = request.rawHeaders.filter((_text, i) => i % 2 === 0).map((name) => name.toLowerCase());
  const hosts = names.filter((name) => name === 'host').length;
  if (hosts > 1 || (hosts === 0 && request.httpVersion !== '1.0')) {
    return 'A request has exactly one Host header.';
  }
  const coding = request.headers['transfer-encoding'];
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') {
    return 'The only transfer coding that is understood is `chunked`.';
  }
  return null;
}
