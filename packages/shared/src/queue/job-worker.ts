import { DelayedError, UnrecoverableError, Worker, type Job } from 'bullmq';
import type { Redis } from 'ioredis';
import { settlesWithin } from '../process/settle-within.ts';
import { catalog, type Payload, type QueueName, type Result } from './catalog.ts';
import { WORKER_SETTINGS } from './job-settings.ts';
import { RetryLaterError } from './retry-later-error.ts';

/** How long closing waits: for a sign of Redis, for the jobs underway, and for a worker that was cut off. */
const PING_LIMIT_MS = 1_000;
const JOBS_LIMIT_MS = 20_000;
const FORCED_LIMIT_MS = 1_000;

export type JobContext = {
  jobId: string;
  /** 1 for the first try. */
  attempt: number;
  isLastAttempt: boolean;
  /** Time since the job became known to Redis, in ms. */
  waitedMs: number;
};
/** Rejecting costs the job one attempt; a RetryLaterError costs none. */
export type Handler<Q extends QueueName> = (payload: Payload<Q>, context: JobContext) => Promise<Result<Q>>;

/** What a worker tells about its jobs; the service turns it into logs and metrics. */
export type JobEvents = {
  /** The worker exists; no job was taken yet. */
  onOpen?(queue: QueueName): void;
  onFailed(queue: QueueName, jobId: string, error: Error, willRetry: boolean): void;
  onStalled(queue: QueueName, jobId: string): void;
  /** The locks of these jobs were gone when it was time to renew them: this worker was too slow, or cut off. */
  onLocksLost?(queue: QueueName, jobIds: string[]): void;
  onError(queue: QueueName, error: Error): void;
};

export type JobWorker = {
  /** Starts taking jobs: call it when everything that a job needs is warm. */
  start(): void;
  /** Takes no more jobs and waits for those underway; when Redis is away it leaves them to the stalled check. */
  close(): Promise<void>;
};

/**
 * Consumes one queue. A payload that does not parse fails at once: no retry can mend it. `connection` stays the
 * caller's to close; BullMQ duplicates it for its blocking reads.
 */
export function openJobWorker<Q extends QueueName>(
  name: Q,
  options: { connection: Redis; prefix: string; concurrency: number; events: JobEvents; lockDurationMs?: number },
  handle: Handler<Q>,
): JobWorker {
  const { payload: schema, result } = catalog[name];
  const { connection, prefix, concurrency, events, lockDurationMs = WORKER_SETTINGS.lockDuration } = options;
  const worker = new Worker(
    name,
    async (job: Job, token) => {
      const parsed = schema.safeParse(job.data);
      if (!parsed.success) throw new UnrecoverableError(`bad ${name} payload: ${parsed.error.message}`);
      const attempt = job.attemptsMade + 1;
      const context: JobContext = {
        jobId: job.id ?? '',
        attempt,
        isLastAttempt: attempt >= (job.opts.attempts ?? 1),
        waitedMs: Math.max(0, Date.now() - job.timestamp),
      };
      try {
        return result.parse(await handle(parsed.data as Payload<Q>, context));
      } catch (error) {
        if (!(error instanceof RetryLaterError)) throw error;
        await job.moveToDelayed(Date.now() + error.delayMs, token);
        throw new DelayedError();
      }
    },
    { connection, prefix, concurrency, autorun: false, ...WORKER_SETTINGS, lockDuration: lockDurationMs },
  );
  worker.on('failed', (job, error) => {
    const willRetry = job !== undefined && job.attemptsMade < (job.opts.attempts ?? 1);
    events.onFailed(name, job?.id ?? '', error, willRetry && !(error instanceof UnrecoverableError));
  });
  worker.on('stalled', (jobId) => events.onStalled(name, jobId));
  worker.on('lockRenewalFailed', (jobIds) => events.onLocksLost?.(name, jobIds));
  worker.on('error', (error) => {
    // BullMQ says `lockRenewalFailed` once more, as one error for each job.
    if (!error.message.startsWith('could not renew lock for job')) events.onError(name, error);
  });
  events.onOpen?.(name);
  let running: Promise<void> | undefined;
  return {
    start() {
      running ??= worker.run().catch((error: unknown) => events.onError(name, error as Error));
    },
    async close() {
      // Without Redis an orderly close never returns (measured: reliability.md section 2), nor does `run`; and a server
      // that hangs still counts as connected.
      const answers = connection.status === 'ready' && (await settlesWithin(PING_LIMIT_MS, connection.ping()));
      const closed = worker.close(!answers).then(() => running);
      await settlesWithin(answers ? JOBS_LIMIT_MS : FORCED_LIMIT_MS, closed);
    },
  };
}
