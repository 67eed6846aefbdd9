import type { RequestHandler } from 'express';
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

/**
 * Refuses what a proxy in front may have read differently, and what Node lets pass: several hosts, and a transfer coding
 * besides `chunked` (reliability.md U12).
 */
export const refuseAmbiguousFraming: RequestHandler = (request, _response, next) => {
  const names = request.rawHeaders.filter((_text, i) => i % 2 === 0).map((name) => name.toLowerCase());
  const hosts = names.filter((name) => name === 'host').length;
  if (hosts > 1 || (hosts === 0 && request.httpVersion !== '1.0')) {
    throw new AppError('malformed_request', 'A request has exactly one Host header.');
  }
  const coding = request.headers['transfer-encoding'];
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') {
    throw new AppError('malformed_request', 'The only transfer coding that is understood is `chunked`.');
  }
  next();
};
