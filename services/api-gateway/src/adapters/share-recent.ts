/**
 * Calls that come while one is running, or within `freshForMs` of its end, get its outcome: what is looked at does not
 * feel how many ask, and a look that hangs is not joined by others. A failure is shared while it runs, and not kept.
 */
export function shareRecent<T>(freshForMs: number, look: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | null = null;
  let last: { outcome: T; atMs: number } | null = null;
  const run = async () => {
    const outcome = await look();
    last = { outcome, atMs: performance.now() };
    return outcome;
  };
  return () => {
    if (last !== null && performance.now() - last.atMs < freshForMs) return Promise.resolve(last.outcome);
    return (running ??= run().finally(() => {
      running = null;
    }));
  };
}
