import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import { Detection } from '@touchstone/shared/contracts/detection';
import { timeOfDetectionId, type DetectionId, type Tenant } from '@touchstone/shared/contracts/detection-id';
import { Partial } from '@touchstone/shared/contracts/partial';
import { RequestRecord } from '@touchstone/shared/contracts/request-record';
import { VerdictRecord } from '@touchstone/shared/contracts/verdict-record';
import type { DetectionJobs } from '@touchstone/shared/queue/detection-jobs';
import { answerCacheKey } from '@touchstone/shared/queue/forget-detection';
import { asError } from '@touchstone/shared/process/error-code';
import { settleWithin } from '@touchstone/shared/process/settle-within';
import { isErased } from '@touchstone/shared/storage/erase-detection';
import { readJson } from '@touchstone/shared/storage/json-object';
import {
  idOfIndexKey,
  indexPrefix,
  partialKey,
  pendingKey,
  requestKey,
  verdictKey,
} from '@touchstone/shared/storage/keys';
import type { ObjectStore } from '@touchstone/shared/storage/object-store';
import { noSuchDetection } from '../core/no-such-detection.ts';
import { representDetection } from '../core/represent-detection.ts';
import { isStoreFailure, withinStoreLimit } from './within-store-limit.ts';

/** A representation as it is sent. `etag` is strong: equal tags are equal bytes. */
export type DetectionAnswer = { body: string; etag: string; isDone: boolean };

export type DetectionReader = {
  /** Null when the tenant has no such detection. */
  answer(tenant: Tenant, id: DetectionId): Promise<DetectionAnswer | null>;
  /** Null as long as there is none. Throws when the detection was erased. */
  verdict(tenant: Tenant, id: DetectionId): Promise<VerdictRecord | null>;
  /**
   * Newest first, starting behind `position`. `next` is the position of the following page, if there is one. Detections
   * that cannot be read, and those that nobody was promised, are left out.
   */
  page(tenant: Tenant, position: string | null, limit: number): Promise<{ bodies: string[]; next: string | null }>;
};

const REVISION = 1;
/** Redis only makes things faster here, so it gets no longer than a look into the store takes. */
const REDIS_LIMIT_MS = 250;
const CACHED_FOR_SECONDS = 3_600;
const STORE_LIMIT_MS = 15_000;
const withinLimit = <T>(work: Promise<T>) =>
  withinStoreLimit(STORE_LIMIT_MS, 'The object store does not answer.', work);
/** Without marker and verdict at this age, a question was refused half stored, and its client told so. */
const GHOST_AFTER_MS = 86_400_000;

/** Reads what is known of a detection. The store is the record; finished representations are cached in Redis. */
export function createDetectionReader(deps: {
  store: ObjectStore;
  redis: Redis;
  prefix: string;
  jobs: Pick<DetectionJobs, 'hasStarted'>;
  onUnreadable: (id: DetectionId, error: Error) => void;
}): DetectionReader {
  const { store, redis, prefix, jobs, onUnreadable } = deps;
  const ask = <T>(question: () => Promise<T>): Promise<T | null> =>
    redis.status === 'ready' ? settleWithin(REDIS_LIMIT_MS, question(), null) : Promise.resolve(null);

  /** Like every writer, it looks for the tombstone after its put: an erasure may have passed between. */
  const keep = async (tenant: Tenant, id: DetectionId, text: string) => {
    const key = answerCacheKey(prefix, tenant, id);
    await ask(() => redis.set(key, text, 'EX', CACHED_FOR_SECONDS));
    const mustGo = await isErased(store, { tenant, id }).catch(() => true);
    if (mustGo) await ask(() => redis.del(key));
  };

  const compose = async (tenant: Tenant, id: DetectionId): Promise<DetectionAnswer | null> => {
    const ref = { tenant, id, revision: REVISION };
    const [request, verdict, erased] = await Promise.all([
      readJson(store, requestKey(tenant, id), RequestRecord),
      readJson(store, verdictKey(ref), VerdictRecord),
      isErased(store, ref),
    ]);
    if (request === null || erased) return null;
    const { slots } = request;
    const read = verdict === null ? slots : [];
    const stored = await Promise.all(read.map((slot) => readJson(store, partialKey(ref, slot), Partial)));
    const partials = stored.filter((partial) => partial !== null);
    const isOpen = verdict === null && partials.length === 0;
    const hasStarted = isOpen && (await ask(() => jobs.hasStarted({ ...ref, slots }))) === true;
    const detection = representDetection({ request, revision: REVISION, verdict, partials, hasStarted });
    const body = JSON.stringify(Detection.parse(detection));
    const etag = `"${createHash('sha256').update(body).digest('hex').slice(0, 16)}"`;
    if (detection.done) void keep(tenant, id, `${etag}${body}`);
    return { body, etag, isDone: detection.done };
  };
  const answer = async (tenant: Tenant, id: DetectionId) => {
    const cached = await ask(() => redis.get(answerCacheKey(prefix, tenant, id)));
    const parts = cached === null ? null : /^("[0-9a-f]{16}")(\{.+\})$/s.exec(cached);
    return parts ? { etag: parts[1]!, body: parts[2]!, isDone: true } : compose(tenant, id);
  };
  const listed = async (tenant: Tenant, id: DetectionId): Promise<DetectionAnswer | null> => {
    try {
      const found = await answer(tenant, id);
      if (found === null || found.isDone || Date.now() - timeOfDetectionId(id) < GHOST_AFTER_MS) return found;
      if ((await store.head(pendingKey({ tenant, id, revision: REVISION }))) !== null) return found;
      // The marker goes when the verdict comes, which may have been just now.
      const again = await answer(tenant, id);
      return again?.isDone === true ? again : null;
    } catch (error) {
      if (isStoreFailure(error)) throw error;
      onUnreadable(id, asError(error));
      return null;
    }
  };

  return {
    answer: (tenant, id) => withinLimit(answer(tenant, id)),
    async verdict(tenant, id) {
      const ref = { tenant, id, revision: REVISION };
      const look = Promise.all([readJson(store, verdictKey(ref), VerdictRecord), isErased(store, ref)]);
      const [verdict, erased] = await withinLimit(look);
      if (erased) throw noSuchDetection();
      return verdict;
    },
    async page(tenant, position, limit) {
      const prefixOfTenant = indexPrefix(tenant);
      const after = position === null ? null : prefixOfTenant + position;
      const keys = (await withinLimit(store.list(prefixOfTenant, after, limit + 1))).map(({ key }) => key);
      const shown = keys.slice(0, limit);
      const answers = await withinLimit(
        Promise.all(
          shown
            .map(idOfIndexKey)
            .filter((id) => id !== null)
            .map((id) => listed(tenant, id)),
        ),
      );
      return {
        bodies: answers.flatMap((found) => (found === null ? [] : [found.body])),
        next: keys.length > limit ? shown.at(-1)!.slice(prefixOfTenant.length) : null,
      };
    },
  };
}
