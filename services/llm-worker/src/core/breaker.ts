/** When a breaker opens and for how long. */
export const BREAKER_LIMITS = { failures: 5, withinMs: 30_000, coolDownMs: 30_000 } as const;

/** How long to wait for the end of somebody else's probe before asking again. */
const PROBE_WAIT_MS = 1_000;

/**
 * Keeps calls from a server that does not answer, or that asked for peace. `open` ends by itself: then one call goes
 * through as a probe, and its end decides.
 */
export type Breaker =
  | { state: 'closed'; failuresMs: number[] }
  | { state: 'open'; untilMs: number }
  | { state: 'probing'; sinceMs: number };

export const CLOSED: Breaker = { state: 'closed', failuresMs: [] };

export type Admission = { admitted: true; breaker: Breaker } | { admitted: false; waitMs: number };

/** Whether a call may be made now; `breaker` is the state with that call underway. */
export function admitCall(breaker: Breaker, nowMs: number): Admission {
  switch (breaker.state) {
    case 'closed':
      return { admitted: true, breaker };
    case 'open':
      return nowMs < breaker.untilMs
        ? { admitted: false, waitMs: breaker.untilMs - nowMs }
        : { admitted: true, breaker: { state: 'probing', sinceMs: nowMs } };
    case 'probing':
      // A probe whose end was never reported must not keep the breaker shut for ever.
      return nowMs - breaker.sinceMs < BREAKER_LIMITS.coolDownMs
        ? { admitted: false, waitMs: PROBE_WAIT_MS }
        : { admitted: true, breaker: { state: 'probing', sinceMs: nowMs } };
  }
}

/** How a call ended, as far as the breaker is concerned. */
export type CallEnd =
  | { kind: 'success' }
  | { kind: 'failure' }
  /** The server, or common sense, says to stay away for so long. */
  | { kind: 'stay-away'; forMs: number };

export function noteCallEnd(breaker: Breaker, end: CallEnd, nowMs: number): Breaker {
  switch (end.kind) {
    case 'stay-away': {
      const untilMs = nowMs + end.forMs;
      return breaker.state === 'open' && breaker.untilMs >= untilMs ? breaker : { state: 'open', untilMs };
    }
    case 'success':
      // A call that began before the breaker opened says nothing about why it did.
      return breaker.state === 'probing' ? CLOSED : breaker;
    case 'failure': {
      if (breaker.state === 'open') return breaker;
      const opened: Breaker = { state: 'open', untilMs: nowMs + BREAKER_LIMITS.coolDownMs };
      if (breaker.state === 'probing') return opened;
      const failuresMs = [...breaker.failuresMs.filter((at) => nowMs - at < BREAKER_LIMITS.withinMs), nowMs];
      return failuresMs.length >= BREAKER_LIMITS.failures ? opened : { state: 'closed', failuresMs };
    }
  }
}
