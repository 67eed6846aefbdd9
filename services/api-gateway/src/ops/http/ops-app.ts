import express, { type Express } from 'express';
import type { Counter } from 'prom-client';
import { AppError } from '@touchstone/shared/contracts/failure';
import type { Logger } from '@touchstone/shared/observe/logger';
import { refuseAmbiguousFraming } from '../../http/guard-request.ts';
import { handleProblems } from '../../http/problem-handler.ts';
import { observeRequests, type RequestMetrics } from '../../http/request-context.ts';
import { createAttempts } from './attempts.ts';
import { createLoginRoutes, createLogoutRoutes, requireSession } from './login-routes.ts';
import { createMetricsRoute, requireMetricsAccess } from './metrics-route.ts';
import { setBoardHeaders, setOpsHeaders } from './ops-headers.ts';
import { BOARD_PATH } from './queue-board.ts';
import { refuseCrossSite } from './request-origin.ts';
import { createSessions } from './sessions.ts';

export type OpsAppDeps = {
  password: string;
  board: Express;
  collectMetrics: () => Promise<string>;
  logger: Logger;
  metrics: RequestMetrics & { logins: Counter<'outcome'> };
};

/** Every route of the operators' port. Whatever stands below `requireSession` needs a login. */
export function createOpsApp({ password, board, collectMetrics, logger, metrics }: OpsAppDeps): Express {
  const app = express();
  app.disable('x-powered-by');
  app.set('etag', false);
  const sessions = createSessions(Date.now);
  app.use(observeRequests(logger, metrics), setOpsHeaders, refuseAmbiguousFraming, refuseCrossSite);

  app.use(createLoginRoutes({ password, sessions, attempts: createAttempts(), logins: metrics.logins }));
  // Attempts of its own: a misconfigured Prometheus must not shut people out.
  app.get(
    '/metrics',
    requireMetricsAccess({ password, sessions, attempts: createAttempts() }),
    createMetricsRoute(collectMetrics),
  );

  app.use(requireSession(sessions));
  app.get('/', (_request, response) => response.redirect(303, BOARD_PATH));
  app.use(createLogoutRoutes(sessions));
  app.use(BOARD_PATH, setBoardHeaders, board);
  app.use(() => {
    throw new AppError('not_found', 'There is nothing at this address.');
  });
  app.use(handleProblems(logger));
  return app;
}
