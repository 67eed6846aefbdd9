import type { RequestHandler } from 'express';

/**
 * Headers of every answer. A page sets its own policy in place of this one. With `no-referrer`, a browser would name
 * the origin of a form as `null`, and the form would be refused.
 */
const SECURITY_HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
};

export const setOpsHeaders: RequestHandler = (_request, response, next) => {
  response.set(SECURITY_HEADERS);
  next();
};

/** Bull Board's own files and nothing from elsewhere; its fonts from Google stay unasked. Its styles are inline. */
const BOARD_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "worker-src 'self'",
  "base-uri 'self'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ');

export const setBoardHeaders: RequestHandler = (request, response, next) => {
  response.setHeader('Content-Security-Policy', BOARD_POLICY);
  // The names of these files change with their content.
  if (request.path.startsWith('/static/')) response.setHeader('Cache-Control', 'private, max-age=3600');
  next();
};
