/**
 * What `promise` resolves to, or `fallback` when it rejects or takes longer than `limitMs`. The work itself goes on: use
 * it where a late end does no harm.
 */
export async function settleWithin<T, F>(limitMs: number, promise: Promise<T>, fallback: F): Promise<T | F> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<F>((resolve) => {
    timer = setTimeout(() => resolve(fallback), limitMs);
  });
  try {
    return await Promise.race([promise.catch(() => fallback), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Whether the work fulfils in time; what it does later is nobody's concern. */
export const settlesWithin = (limitMs: number, work: Promise<unknown>): Promise<boolean> =>
  settleWithin(
    limitMs,
    work.then(() => true),
    false,
  );
