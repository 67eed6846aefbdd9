import type { RequestHandler, Response } from 'express';
import type { Counter } from 'prom-client';
import type { Tenant } from '@touchstone/shared/contracts/detection-id';
import { AppError } from '@touchstone/shared/contracts/failure';
import type { QueueWait } from '../adapters/queue-wait.ts';
import type { RateCounter } from '../adapters/rate-counter.ts';
import type { QueuePlace, TenantQueue } from '../adapters/tenant-queue.ts';
import { keyHashOf } from '../core/idempotency.ts';
import { parsePrefer } from '../core/parse-prefer.ts';
import { policiesOf, rateLimitHeaders, retryAfterOf, type RateLimits, type RatePolicy } from '../core/rate-limit.ts';
import { accessOf } from './authorize.ts';
import { contextOf } from './request-context.ts';

export type Admission = {
  queueWait: QueueWait;
  tenantQueue: TenantQueue;
  countRate: RateCounter;
  /** Whether a request with this `Idempotency-Key` was let in before. */
  isRepetition(tenant: Tenant, keyHash: string): Promise<boolean>;
  /** Of a key that has none of its own. */
  rateLimits: RateLimits;
  /** 0: no limit. */
  maxQueuedPerTenant: number;
  maxQueueWaitMs: number;
  /** Of a client that waits on `POST /api/v1/detect`. */
  maxDetectQueueWaitMs: number;
  refusals: Counter<'reason'>;
};

/** An upload is no detection yet; but what could not become one now need not be sent to the store either. */
export type AdmittedRoute = 'detect' | 'detections' | 'uploads';

/** contract.md section 3. */
const ANONYMOUS_POLICY: RatePolicy = { name: 'anonymous', quota: 10, windowS: 60 };
/** Counts of what a tenant has waiting are renewed every few seconds. */
const TENANT_RETRY_AFTER_S = 10;
const MAX_RETRY_AFTER_S = 300;

/**
 * Refuses a submission before anything of its body is read, for one of three reasons: an answer would take too long,
 * its tenant has too much waiting, or its key (without one: its address) has asked too often. The rate comes last, so
 * that what is refused for another reason does not count. Who repeats a request that was let in before takes no new
 * place and waits for no new work, so only the rate is asked.
 */
export function createAdmitSubmission(admission: Admission, route: AdmittedRoute): RequestHandler {
  const refuse = (reason: 'wait' | 'tenant' | 'rate', detail: string, retryAfterS: number) => {
    admission.refusals.inc({ reason });
    return new AppError(reason === 'wait' ? 'overloaded' : 'rate_limited', detail, {
      headers: { 'Retry-After': String(retryAfterS) },
    });
  };

  return async (request, response, next) => {
    const tenant = contextOf(response).tenant!;
    const { waitS, respondAsync } = parsePrefer(request.get('prefer'));
    const isHeld = route === 'detect' ? !respondAsync || waitS !== null : (waitS ?? 0) > 0;
    const limitMs = route === 'detect' && isHeld ? admission.maxDetectQueueWaitMs : admission.maxQueueWaitMs;
    const keyHash = route === 'uploads' ? null : keyHashOf(request.headersDistinct['idempotency-key']);
    // Looked up only where it decides, so that a keyed request costs nothing more in quiet times.
    const repeats = async () => keyHash !== null && (await admission.isRepetition(tenant, keyHash));
    const waitMs = await admission.queueWait(isHeld);
    if (waitMs !== null && waitMs > limitMs && !(await repeats())) {
      const detail = `The queue is long: an answer would take about ${describe(waitMs)}.`;
      throw refuse('wait', detail, Math.min(MAX_RETRY_AFTER_S, Math.max(1, Math.ceil((waitMs - limitMs) / 1_000))));
    }
    const limit = admission.maxQueuedPerTenant;
    const place = limit === 0 ? null : await admission.tenantQueue.enter(tenant, limit);
    if (limit > 0 && place === null && !(await repeats())) {
      const detail = `Your detections that wait for a verdict are ${limit}, the most that may.`;
      throw refuse('tenant', detail, TENANT_RETRY_AFTER_S);
    }
    if (place !== null) leaveUnlessAccepted(place, response);
    const { counted, policies } = ratesOf(response, admission.rateLimits);
    // The detection that an upload becomes is counted when it does.
    const countedAs = route === 'uploads' ? `uploads:${counted}` : counted;
    const states = await Promise.all(
      policies.map(async (policy) => ({
        ...policy,
        ...(await admission.countRate(`${policy.name}:${countedAs}`, policy.windowS)),
      })),
    );
    response.set(rateLimitHeaders(states));
    const retryAfterS = retryAfterOf(states);
    if (retryAfterS !== null) {
      const [over] = states.filter(({ used, quota }) => used > quota);
      const detail = `${over!.quota} images within ${describe(over!.windowS * 1_000)} are accepted, and there were more.`;
      throw refuse('rate', detail, retryAfterS);
    }
    next();
  };
}

/** Who is counted, and against what. Whoever is at this machine, without keys, is not limited. */
function ratesOf(response: Response, usual: RateLimits): { counted: string; policies: RatePolicy[] } {
  const access = accessOf(response);
  if (access.isAnonymous) return { counted: access.address, policies: [ANONYMOUS_POLICY] };
  if (access.keyId === null) return { counted: '', policies: [] };
  return { counted: access.keyId, policies: policiesOf({ ...usual, ...access.rateLimits }) };
}

function leaveUnlessAccepted(place: QueuePlace, response: Response): void {
  response.once('close', () => {
    if (contextOf(response).detectionId === null) place.leave();
  });
}

function describe(ms: number): string {
  const seconds = Math.ceil(ms / 1_000);
  if (seconds === 86_400) return 'a day';
  return seconds > 120 ? `${Math.ceil(seconds / 60)} minutes` : seconds === 60 ? 'a minute' : `${seconds} seconds`;
}
