import { AppError } from '@touchstone/shared/contracts/failure';
import { settleWithin } from '@touchstone/shared/process/settle-within';
import { S3CallError } from '@touchstone/shared/storage/s3-failure';

/**
 * What `work` gives, or `store_unavailable` with this detail when the store fails or takes longer. A store that gives
 * nonsense is our fault, and told as such. The work itself goes on: use it where a late end does no harm.
 */
export async function withinStoreLimit<T>(limitMs: number, detail: string, work: Promise<T>): Promise<T> {
  let failure: unknown;
  const known = work.then(
    (value) => ({ value }),
    (error: unknown) => {
      failure = error;
      throw error;
    },
  );
  const outcome = await settleWithin(limitMs, known, null);
  if (outcome !== null) return outcome.value;
  if (failure !== undefined && !isStoreFailure(failure)) throw failure;
  throw new AppError('store_unavailable', detail, { cause: failure });
}

/** Errors of the operating system, and those of the S3 adapter. */
export const isStoreFailure = (error: unknown): boolean =>
  error instanceof S3CallError || (error as NodeJS.ErrnoException).syscall !== undefined;
