/** Keys that are left alone for a while. */
export type Rests = {
  has(key: string): boolean;
  add(key: string, forMs: number): void;
  /** Ends all of them at once. */
  clear(): void;
  /** Drops those that are over; call it now and then. */
  forgetPast(): void;
};

/** `uptimeMs`: a clock that is never set. */
export function createRests(uptimeMs: () => number): Rests {
  const untilMsOf = new Map<string, number>();
  return {
    has: (key) => (untilMsOf.get(key) ?? -Infinity) > uptimeMs(),
    add: (key, forMs) => void untilMsOf.set(key, uptimeMs() + forMs),
    clear: () => untilMsOf.clear(),
    forgetPast() {
      for (const [key, untilMs] of untilMsOf) if (untilMs <= uptimeMs()) untilMsOf.delete(key);
    },
  };
}
