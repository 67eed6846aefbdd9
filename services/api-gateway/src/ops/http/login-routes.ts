import express, { Router, type ErrorRequestHandler, type Request, type RequestHandler } from 'express';
import type { Counter } from 'prom-client';
import { AppError } from '@touchstone/shared/contracts/failure';
import { sendBody } from '../../http/send-body.ts';
import { isPassword, readSessionId, SESSION_COOKIE } from '../core/credentials.ts';
import type { Attempts } from './attempts.ts';
import { LOGIN_PAGE_POLICY, loginPage, logoutPage } from './login-page.ts';
import { SESSION_LIFETIME_MS, type Sessions } from './sessions.ts';

export type LoginDeps = {
  password: string;
  sessions: Sessions;
  attempts: Attempts;
  logins: Counter<'outcome'>;
};

const PAGE_HEADERS = { 'Content-Security-Policy': LOGIN_PAGE_POLICY };
const MAX_FORM_BYTES = 1_024;

export const sessionOf = (request: Request) => readSessionId(request.headers.cookie);

/** Lets nobody on who has not logged in: a person is led to the form, a program is told. */
export function requireSession(sessions: Sessions): RequestHandler {
  return (request, response, next) => {
    if (sessions.isOpen(sessionOf(request))) return next();
    const wantsPage = ['GET', 'HEAD'].includes(request.method) && request.get('accept')?.includes('text/html') === true;
    if (!wantsPage) throw new AppError('unauthenticated', 'Log in at /login first.');
    response.redirect(303, '/login');
  };
}

/** `/login`, for everyone. */
export function createLoginRoutes({ password, sessions, attempts, logins }: LoginDeps): Router {
  const router = Router();
  router.get('/login', (request, response) => {
    sendBody(request, response, 200, 'text/html', loginPage(null), PAGE_HEADERS);
  });
  router.use('/login', readForm, refuseUnreadableForm);
  router.post('/login', async (request, response) => {
    const waitSeconds = await attempts.count(request);
    if (waitSeconds !== null) {
      logins.inc({ outcome: 'limited' });
      const body = loginPage(`Too many tries. Wait ${waitSeconds} seconds.`);
      sendBody(request, response, 429, 'text/html', body, { ...PAGE_HEADERS, 'Retry-After': String(waitSeconds) });
      return;
    }
    const { password: given } = (request.body ?? {}) as { password?: unknown };
    if (typeof given !== 'string' || !isPassword(given.trim(), password)) {
      logins.inc({ outcome: 'refused' });
      sendBody(request, response, 401, 'text/html', loginPage('This is not the password.'), PAGE_HEADERS);
      return;
    }
    await attempts.forgive(request);
    logins.inc({ outcome: 'accepted' });
    // Another id than before: what was planted in the browser stays worthless.
    sessions.close(sessionOf(request));
    response.setHeader('Set-Cookie', cookieOf(request, sessions.open(), SESSION_LIFETIME_MS / 1_000));
    response.redirect(303, '/');
  });
  return router;
}

/** `/logout`, for who is logged in. */
export function createLogoutRoutes(sessions: Sessions): Router {
  const router = Router();
  router.get('/logout', (request, response) => {
    sendBody(request, response, 200, 'text/html', logoutPage(), PAGE_HEADERS);
  });
  router.post('/logout', (request, response) => {
    sessions.close(sessionOf(request));
    response.setHeader('Set-Cookie', cookieOf(request, '', 0));
    response.redirect(303, '/login');
  });
  return router;
}

const readForm = express.urlencoded({ extended: false, limit: MAX_FORM_BYTES, parameterLimit: 4 });

const refuseUnreadableForm: ErrorRequestHandler = (_thrown, _request, _response, next) => {
  next(new AppError('malformed_request', 'The form cannot be read.'));
};

/** `Secure` where a proxy in front says that the browser came by TLS; a loopback address has none. */
function cookieOf(request: Request, id: string, maxAgeSeconds: number): string {
  const isSecure = request.get('x-forwarded-proto')?.toLowerCase() === 'https';
  const attributes = [
    `Path=/`,
    `Max-Age=${maxAgeSeconds}`,
    'HttpOnly',
    'SameSite=Strict',
    ...(isSecure ? ['Secure'] : []),
  ];
  return [`${SESSION_COOKIE}=${id}`, ...attributes].join('; ');
}
