import type { Redis } from 'ioredis';
import { AppError } from '@touchstone/shared/contracts/failure';
import { asError } from '@touchstone/shared/process/error-code';
import type { DeliveryPayload } from '@touchstone/shared/queue/catalog';
import type { DetectionJobs } from '@touchstone/shared/queue/detection-jobs';

/** Enqueues what a person asked for, or says that it was not: no marker stands for these, and nobody adds them again. */
export type DeliveryProducer = (payload: DeliveryPayload) => Promise<void>;

const LIMIT_MS = 2_000;

export function createDeliveryProducer(
  redis: Pick<Redis, 'status'>,
  jobs: Pick<DetectionJobs, 'addDelivery'>,
): DeliveryProducer {
  return async (payload) => {
    // Without a connection BullMQ would wait for one.
    if (redis.status !== 'ready') throw unavailable();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(unavailable()), LIMIT_MS);
    });
    try {
      await Promise.race([jobs.addDelivery(payload), late]);
    } catch (error) {
      throw error instanceof AppError ? error : unavailable(asError(error));
    } finally {
      clearTimeout(timer);
    }
  };
}

const unavailable = (cause?: Error) =>
  new AppError('queue_unavailable', 'The queue does not answer; ask again.', {
    ...(cause === undefined ? {} : { cause }),
    headers: { 'Retry-After': '5' },
  });
