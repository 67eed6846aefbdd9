/** What a closed loop did between its first and its last completion inside the window. */
export type ClosedLoopRun = {
  perSecond: number;
  /** Completions that `perSecond` was taken from. */
  counted: number;
  failed: number;
};

export type ClosedLoopOptions = {
  /** Callers with one request at a time each. */
  clients: number;
  /** Completions before the window opens: everything is busy by then. */
  warmUp: number;
  /** Completions inside the window. */
  count: number;
  /** Called at both ends of the window, at a completion, e.g. to read a CPU clock. */
  onWindow?: (edge: 'open' | 'close') => void;
  one: () => Promise<void>;
};

/**
 * Finds capacity. The window runs from one completion to a later one, so no idle edge counts; the callers go on until
 * it has closed, and nothing of them is left when the promise resolves. Throws when nothing but failures comes back.
 */
export async function runClosedLoop(options: ClosedLoopOptions): Promise<ClosedLoopRun> {
  const { clients, warmUp, count, onWindow, one } = options;
  let done = 0;
  let failed = 0;
  let openMs = 0;
  let closeMs = 0;
  const call = async () => {
    while (done < warmUp + count) {
      try {
        await one();
      } catch (error) {
        failed += 1;
        if (failed > count) throw error;
        continue;
      }
      done += 1;
      if (done === warmUp) {
        openMs = performance.now();
        onWindow?.('open');
      }
      if (done === warmUp + count) {
        closeMs = performance.now();
        onWindow?.('close');
      }
    }
  };
  await Promise.all(Array.from({ length: clients }, call));
  return { perSecond: (count * 1_000) / (closeMs - openMs), counted: count, failed };
}
