/** What is known of one queue; `first` are the jobs of clients that hold the line. */
export type Load = {
  waiting: { first: number; all: number };
  oldestAgeMs: { first: number; all: number };
  active: number;
  /** Jobs completed within each of the last `windowsMs`, longest first. */
  completed: readonly number[];
};

/**
 * How long a job added now waits for its turn in the slowest of the queues, in ms; null when that cannot be told.
 *
 * The rate of a queue is what it completed in a window in which it was never out of work: jobs have waited since before
 * the window began. Without one it is unknown, and a queue so young is short. A queue that completes nothing tells at
 * least how long its oldest job has waited: with no worker at all, that is how long it has been so.
 */
export function estimateWaitMs(
  loads: readonly Load[],
  goesFirst: boolean,
  windowsMs: readonly number[],
): number | null {
  const waits = loads.map((load) => waitOf(load, goesFirst ? 'first' : 'all', windowsMs));
  const known = waits.filter((wait) => wait !== null);
  return known.length === 0 ? null : Math.max(...known);
}

function waitOf(load: Load, which: 'first' | 'all', windowsMs: readonly number[]): number | null {
  const ahead = load.waiting[which];
  if (ahead === 0) return 0;
  const busyMs = load.oldestAgeMs.all;
  const at = windowsMs.findIndex((windowMs) => windowMs <= busyMs);
  const done = load.completed.at(at) ?? 0;
  if (done === 0) return load.oldestAgeMs[which];
  return at < 0 ? null : ((ahead + load.active) * windowsMs[at]!) / done;
}
