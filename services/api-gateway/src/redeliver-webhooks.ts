import { timeOfDetectionId, type DetectionId, type Tenant } from '@touchstone/shared/contracts/detection-id';
import { AppError } from '@touchstone/shared/contracts/failure';
import { RequestRecord } from '@touchstone/shared/contracts/request-record';
import type { EndpointId, EndpointRecord } from '@touchstone/shared/contracts/webhook';
import type { ReplayWebhooks } from '@touchstone/shared/contracts/webhook-endpoint';
import { isErased } from '@touchstone/shared/storage/erase-detection';
import { readJson } from '@touchstone/shared/storage/json-object';
import { idOfIndexKey, indexPosition, indexPrefix, requestKey, verdictKey } from '@touchstone/shared/storage/keys';
import type { ObjectStore } from '@touchstone/shared/storage/object-store';
import type { DeliveryProducer } from './adapters/delivery-producer.ts';
import { isStoreFailure, withinStoreLimit } from './adapters/within-store-limit.ts';
import { InvalidFields } from './core/invalid-fields.ts';
import { positionOf } from './core/list-query.ts';
import { noSuchDetection } from './core/no-such-detection.ts';

/** Messages that are sent once more because a person asks for it, in one attempt each, under the ids that they had. */
export type RedeliverWebhooks = {
  /** Tells this endpoint of one detection, whoever was told before. */
  one(endpoint: EndpointRecord, id: DetectionId): Promise<void>;
  /**
   * Tells it again of the detections that were its to hear of, newest first, as far as one call may go; `next` is where
   * that was, null at the end of the window.
   */
  window(endpoint: EndpointRecord, window: ReplayWebhooks): Promise<{ enqueued: number; next: string | null }>;
};

const REVISION = 1;
const DAY_MS = 86_400_000;
/** reliability.md section 4 W6. */
const WINDOW_DAYS = 30;
const LOOKED_AT_PER_CALL = 500;
const AT_ONCE = 16;
const LIMIT_MS = 30_000;

export function createRedeliverWebhooks(deps: {
  store: ObjectStore;
  enqueue: DeliveryProducer;
  nowMs: () => number;
}): RedeliverWebhooks {
  const { store, enqueue, nowMs } = deps;
  const within = <T>(work: Promise<T>) => withinStoreLimit(LIMIT_MS, 'The detections cannot be read.', work);
  const readRequest = (tenant: Tenant, id: DetectionId) => readJson(store, requestKey(tenant, id), RequestRecord);
  const hasVerdict = async (tenant: Tenant, id: DetectionId) =>
    (await store.head(verdictKey({ tenant, id, revision: REVISION }))) !== null;

  const wasFor = async (endpoint: EndpointId, tenant: Tenant, id: DetectionId) => {
    const request = await readRequest(tenant, id).catch((error: unknown) => {
      if (isStoreFailure(error)) throw error;
      return null;
    });
    const { callback } = request ?? {};
    return callback?.kind === 'endpoint' && callback.endpoint === endpoint && (await hasVerdict(tenant, id));
  };

  return {
    async one({ tenant, id: receiver, status }, id) {
      const ref = { tenant, id };
      const [request, erased, isDecided] = await within(
        Promise.all([readRequest(tenant, id), isErased(store, ref), hasVerdict(tenant, id)]),
      );
      if (request === null || erased) throw noSuchDetection();
      assertEnabled(status);
      if (!isDecided) throw new AppError('state_conflict', 'The detection has no verdict yet.');
      await enqueue({ ...ref, revision: REVISION, receiver, cause: 'redelivery' });
    },
    async window({ tenant, id: receiver, status }, asked) {
      const { sinceMs, untilMs } = windowOf(asked, nowMs());
      assertEnabled(status);
      const prefix = indexPrefix(tenant);
      const start = asked.cursor === undefined ? indexPosition(untilMs) : positionOf(asked.cursor);
      if (start === null) throw new InvalidFields([{ pointer: '/cursor', detail: 'is not a cursor of this window' }]);
      const listed = await within(store.list(prefix, prefix + start, LOOKED_AT_PER_CALL + 1));
      const inWindow = listed.filter(({ key }) => {
        const id = idOfIndexKey(key);
        return id !== null && timeOfDetectionId(id) >= sinceMs && timeOfDetectionId(id) <= untilMs;
      });
      const looked = inWindow.slice(0, LOOKED_AT_PER_CALL).map(({ key }) => key);
      let enqueued = 0;
      for (let at = 0; at < looked.length; at += AT_ONCE) {
        const ids = looked.slice(at, at + AT_ONCE).map((key) => idOfIndexKey(key)!);
        const told = await within(
          Promise.all(ids.map(async (id) => ((await wasFor(receiver, tenant, id)) ? [id] : []))),
        );
        await Promise.all(
          told.flat().map((id) => enqueue({ tenant, id, revision: REVISION, receiver, cause: 'replay' })),
        );
        enqueued += told.flat().length;
      }
      const isMore = inWindow.length > LOOKED_AT_PER_CALL;
      return { enqueued, next: isMore ? looked.at(-1)!.slice(prefix.length) : null };
    },
  };
}

function assertEnabled(status: EndpointRecord['status']): void {
  if (status === 'enabled') return;
  throw new AppError('state_conflict', 'The endpoint is disabled: it gets no messages.');
}

function windowOf({ since, until }: ReplayWebhooks, nowMs: number): { sinceMs: number; untilMs: number } {
  const sinceMs = Date.parse(since);
  const untilMs = until === undefined ? nowMs : Date.parse(until);
  if (sinceMs < nowMs - WINDOW_DAYS * DAY_MS) {
    throw new InvalidFields([{ pointer: '/since', detail: `must lie within the last ${WINDOW_DAYS} days` }]);
  }
  if (untilMs < sinceMs) throw new InvalidFields([{ pointer: '/until', detail: 'must not be before `since`' }]);
  return { sinceMs, untilMs: Math.min(untilMs, nowMs) };
}
