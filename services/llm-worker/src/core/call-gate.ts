import { admitCall, CLOSED, noteCallEnd, type Admission, type Breaker, type CallEnd } from './breaker.ts';

/** The breaker of one process, and the only place where its state lives. */
export type CallGate = {
  state(): Breaker['state'];
  /** How long a call would have to wait now; 0 when it could go. Changes nothing. */
  waitMs(): number;
  /** Lets a call go or not. Whoever is let go reports the end. */
  enter(): Admission;
  leave(end: CallEnd): void;
};

export function createCallGate(nowMs: () => number): CallGate {
  let breaker: Breaker = CLOSED;
  return {
    state: () => breaker.state,
    waitMs() {
      const admission = admitCall(breaker, nowMs());
      return admission.admitted ? 0 : admission.waitMs;
    },
    enter() {
      const admission = admitCall(breaker, nowMs());
      if (admission.admitted) breaker = admission.breaker;
      return admission;
    },
    leave(end) {
      breaker = noteCallEnd(breaker, end, nowMs());
    },
  };
}
