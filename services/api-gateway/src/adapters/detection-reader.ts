import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import { Detection } from '@touchstone/shared/contracts/detection';
import { timeOfDetectionId, type DetectionId, type Tenant } from '@touchstone/shared/contracts/detection-id';
import { AppError } from '@touchstone/shared/contracts/failure';
import { Partial } from '@touchstone/shared/contracts/partial';
import { RequestRecord } from '@touchstone/shared/contracts/request-record';
import { VerdictRecord } from '@touchstone/shared/contracts/verdict-record';
import type { DetectionJobs } from '@touchstone/shared/queue/detection-jobs';
import { asError } from '@touchstone/shared/process/error-code';
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
import { S3CallError } from '@touchstone/shared/storage/s3-failure';
import { representDetection } from '../core/represent-detection.ts';
import { settleWithin } from './settle-within.ts';

/** A representation as it is sent. `etag` is strong: equal tags are equal bytes. */
export type DetectionAnswer = { body: string; etag: string; isDone: boolean };

export type DetectionReader = {
  /** Null when the tenant has no such detection. */
  answer(tenant: Tenant, id: DetectionId): Promise<DetectionAnswer | null>;
  /** Null as long as there is none. */
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
  const cacheKey = (tenant: Tenant, id: DetectionId) => `${prefix}:answer:${tenant}:${id}`;
  const ask = <T>(question: () => Promise<T>): Promise<T | null> =>
    redis.status === 'ready' ? settleWithin(REDIS_LIMIT_MS, question(), null) : Promise.resolve(null);

  const compose = async (tenant: Tenant, id: DetectionId): Promise<DetectionAnswer | null> => {
    const ref = { tenant, id, revision: REVISION };
    const [request, verdict] = await Promise.all([
      readJson(store, requestKey(tenant, id), RequestRecord),
      readJson(store, verdictKey(ref), VerdictRecord),
    ]);
    if (request === null) return null;
    const { slots } = request;
    const read = verdict === null ? slots : [];
    const stored = await Promise.all(read.map((slot) => readJson(store, partialKey(ref, slot), Partial)));
    const partials = stored.filter((partial) => partial !== null);
    const isOpen = verdict === null && partials.length === 0;
    const hasStarted = isOpen && (await ask(() => jobs.hasStarted({ ...ref, slots }))) === true;
    const detection = representDetection({ request, revision: REVISION, verdict, partials, hasStarted });
    const body = JSON.stringify(Detection.parse(detection));
    const etag = `"${createHash('sha256').update(body).digest('hex').slice(0, 16)}"`;
    if (detection.done) {
      void ask(() => redis.set(cacheKey(tenant, id), `${etag}${body}`, 'EX', CACHED_FOR_SECONDS));
    }
    return { body, etag, isDone: detection.done };
  };
  const answer = async (tenant: Tenant, id: DetectionId) => {
    const cached = await ask(() => redis.get(cacheKey(tenant, id)));
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
    verdict: (tenant, id) =>
      withinLimit(readJson(store, verdictKey({ tenant, id, revision: REVISION }), VerdictRecord)),
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

/** Errors of the system, and a store that does not answer, are told as such; one that gives nonsense is our fault. */
async function withinLimit<T>(work: Promise<T>): Promise<T> {
  const late = Symbol('late');
  let failure: unknown;
  const outcome = await settleWithin(
    STORE_LIMIT_MS,
    work.catch((error: unknown) => {
      failure = error;
      throw error;
    }),
    late,
  );
  if (outcome !== late) return outcome as T;
  if (failure !== undefined && !isStoreFailure(failure)) throw failure;
  throw new AppError('store_unavailable', 'The object store does not answer.', { cause: failure });
}

const isStoreFailure = (error: unknown): boolean =>
  error instanceof S3CallError || (error as NodeJS.ErrnoException).syscall !== undefined;
