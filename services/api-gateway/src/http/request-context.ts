import type { RequestHandler, Response } from 'express';
import { randomUUID } from 'node:crypto';
import type { Counter, Histogram } from 'prom-client';
import type { DetectionId, Tenant } from '@touchstone/shared/contracts/detection-id';
import type { Logger } from '@touchstone/shared/observe/logger';

/** What is known of a request, for its log line. Never the client's words: no address line, header or file name. */
export type RequestContext = {
  requestId: string;
  tenant: Tenant | null;
  keyId: string | null;
  detectionId: DetectionId | null;
};

export type RequestMetrics = { requests: Counter<'route' | 'status'>; seconds: Histogram<'route'> };

const CONTEXT = 'context';

export function contextOf(response: Response): RequestContext {
  return response.locals[CONTEXT] as RequestContext;
}

/** Names the request, and logs and counts it when it is over. */
export function observeRequests(logger: Logger, metrics: RequestMetrics): RequestHandler {
  return (request, response, next) => {
    const context: RequestContext = { requestId: `req_${randomUUID()}`, tenant: null, keyId: null, detectionId: null };
    response.locals[CONTEXT] = context;
    response.setHeader('X-Request-Id', context.requestId);
    const startedMs = performance.now();
    response.once('close', () => {
      const ms = Math.round(performance.now() - startedMs);
      const route = (request.route as { path?: string } | undefined)?.path ?? 'unknown';
      const isAnswered = response.writableFinished;
      const status = isAnswered ? response.statusCode : null;
      metrics.requests.inc({ route, status: status ?? 'gone' });
      metrics.seconds.observe({ route }, ms / 1_000);
      logger.info({ method: request.method, route, status, ms, ...context }, isAnswered ? 'answered' : 'client gone');
    });
    next();
  };
}
