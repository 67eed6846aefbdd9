/** Lock and stall settings of every worker: a dead one is noticed within about 15 s. Source: contract.md section 2. */
export const WORKER_SETTINGS = { lockDuration: 10_000, stalledInterval: 5_000, maxStalledCount: 10 } as const;

/**
 * Finished jobs stay at least as long as their parent can live: with `true`, adding a flow again ran children nine
 * times and failed the parent (measured: reliability.md section 2).
 */
const KEEP_JOBS = {
  removeOnComplete: { age: 86_400, count: 200_000 },
  removeOnFail: { age: 604_800 },
} as const;

/** Options of one job of a queue with these retries. */
export function jobOptions(retries: { attempts: number; backoffMs: number }, jobId: string, priority: number) {
  return {
    jobId,
    priority,
    attempts: retries.attempts,
    backoff: { type: 'exponential', delay: retries.backoffMs, jitter: 0.5 },
    ...KEEP_JOBS,
  };
}
