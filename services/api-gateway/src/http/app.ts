import express, { type Express, type RequestHandler } from 'express';
import { AppError } from '@touchstone/shared/contracts/failure';
import { createAdmitSubmission, type AdmittedRoute } from './admit-submission.ts';
import { createAuthorize } from './authorize.ts';
import { createCapabilitiesRoute } from './capabilities-route.ts';
import { createDetectRoute } from './detect-route.ts';
import { createEraseRoute } from './erase-route.ts';
import { createListRoute, createReadRoute, createSubmitRoute } from './detections-routes.ts';
import type { Gateway } from './gateway.ts';
import { refuseAmbiguousFraming, setSecurityHeaders } from './guard-request.ts';
import { answerAlive, createHealthRoute, createReadyRoute } from './health-routes.ts';
import { createJwksRoute } from './jwks-route.ts';
import { lingerAfterAnswer } from './linger.ts';
import { answerFavicon, createPageRoute } from './page-routes.ts';
import { handleProblems } from './problem-handler.ts';
import { observeRequests } from './request-context.ts';
import { createUploadRoute } from './uploads-route.ts';
import { createDeliveriesRoute, createRedeliverRoute, createReplayRoute } from './webhook-deliveries-routes.ts';
import {
  createEndpointChangeRoute,
  createEndpointCreateRoute,
  createEndpointListRoute,
  createEndpointReadRoute,
  createEndpointRemoveRoute,
  createEndpointTestRoute,
  createSecretRotateRoute,
  ENDPOINTS_PATH,
} from './webhook-endpoints-routes.ts';

/** Every route of the public door, its scope and its methods. */
export function createApp(gateway: Gateway): Express {
  const app = express();
  app.disable('x-powered-by');
  app.set('etag', false);
  app.set('query parser', false);
  app.set('trust proxy', gateway.trustedProxies);
  app.use(observeRequests(gateway.logger, gateway.metrics), setSecurityHeaders, lingerAfterAnswer);
  app.use(refuseAmbiguousFraming);

  const authorize = createAuthorize(gateway.keys, gateway);
  const admit = (route: AdmittedRoute) => createAdmitSubmission(gateway.admission, route);
  app
    .route('/api/v1/detect')
    .post(authorize('detect:write', 'anonymous-detect'), admit('detect'), createDetectRoute(gateway))
    .all(refuseMethod('POST'));
  app
    .route('/api/v1/detections')
    .post(authorize('detect:write'), admit('detections'), createSubmitRoute(gateway))
    .get(authorize('detect:read'), createListRoute(gateway))
    .all(refuseMethod('GET, HEAD, POST'));
  app
    .route('/api/v1/detections/:id')
    .get(authorize('detect:read'), createReadRoute(gateway))
    .delete(authorize('detect:write'), createEraseRoute(gateway))
    .all(refuseMethod('DELETE, GET, HEAD'));

  app
    .route('/api/v1/uploads')
    .post(authorize('detect:write'), admit('uploads'), createUploadRoute(gateway))
    .all(refuseMethod('POST'));
  app
    .route('/api/v1/capabilities')
    .get(authorize('detect:read'), createCapabilitiesRoute(gateway))
    .all(refuseMethod('GET, HEAD'));

  mountWebhooks(app, gateway, authorize('webhooks:manage'));

  const open: [string, RequestHandler][] = [
    ['/.well-known/jwks.json', createJwksRoute(gateway)],
    ['/', createPageRoute(gateway.page)],
    ['/favicon.ico', answerFavicon],
    ['/health', createHealthRoute(gateway)],
    ['/livez', answerAlive],
    ['/readyz', createReadyRoute(gateway)],
  ];
  for (const [path, answer] of open) app.route(path).get(answer).all(refuseMethod('GET, HEAD'));

  app.use(() => {
    throw new AppError('not_found', 'There is nothing at this address.');
  });
  app.use(handleProblems(gateway.logger));
  return app;
}

function mountWebhooks(app: Express, gateway: Gateway, authorized: RequestHandler): void {
  app
    .route(ENDPOINTS_PATH)
    .post(authorized, createEndpointCreateRoute(gateway))
    .get(authorized, createEndpointListRoute(gateway))
    .all(refuseMethod('GET, HEAD, POST'));
  app
    .route(`${ENDPOINTS_PATH}/:id`)
    .get(authorized, createEndpointReadRoute(gateway))
    .patch(authorized, createEndpointChangeRoute(gateway))
    .delete(authorized, createEndpointRemoveRoute(gateway))
    .all(refuseMethod('DELETE, GET, HEAD, PATCH'));
  app
    .route(`${ENDPOINTS_PATH}/:id/deliveries`)
    .get(authorized, createDeliveriesRoute(gateway))
    .all(refuseMethod('GET, HEAD'));
  const actions: [string, RequestHandler][] = [
    ['rotate-secret', createSecretRotateRoute(gateway)],
    ['test', createEndpointTestRoute(gateway)],
    ['replay', createReplayRoute(gateway)],
    ['deliveries/:detection/redeliver', createRedeliverRoute(gateway)],
  ];
  for (const [path, act] of actions) {
    app.route(`${ENDPOINTS_PATH}/:id/${path}`).post(authorized, act).all(refuseMethod('POST'));
  }
}

const refuseMethod =
  (allowed: string): RequestHandler =>
  () => {
    throw new AppError('method_not_allowed', `This resource supports ${allowed}.`, { headers: { Allow: allowed } });
  };
