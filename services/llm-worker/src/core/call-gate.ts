import { admitCall, CLOSED, noteCallEnd, type Admission, type Breaker, type CallEnd } from './breaker.ts';
import { gapOf, type RateRoom } from './rate-room.ts';

/** The breaker and the pace of one process, and the only place where their state lives. */
export type CallGate = {
  state(): Breaker['state'];
  /** How long a call would have to wait now; 0 when it could go. Changes nothing. */
  waitMs(): number;
  /** Lets a call go or not. Whoever is let go reports the end. */
  enter(): GateAnswer;
  /** `room`: what the server told of its limits, if anything. */
  leave(end: CallEnd, room?: RateRoom | null): void;
};

type GateAnswer = { admitted: true } | { admitted: false; waitMs: number };

/** A server that will soon have enough of us: calls start `gapMs` apart until it has room again. */
type Pace = { gapMs: number; untilMs: number; nextMs: number };
const FREE: Pace = { gapMs: 0, untilMs: 0, nextMs: 0 };

export function createCallGate(nowMs: () => number): CallGate {
  let breaker: Breaker = CLOSED;
  let pace = FREE;

  const look = (): { admission: Admission; paceWaitMs: number } => {
    const atMs = nowMs();
    if (atMs >= pace.untilMs) pace = FREE;
    return { admission: admitCall(breaker, atMs), paceWaitMs: Math.max(0, pace.nextMs - atMs) };
  };
  return {
    state: () => breaker.state,
    waitMs() {
      const { admission, paceWaitMs } = look();
      return Math.max(paceWaitMs, admission.admitted ? 0 : admission.waitMs);
    },
    enter() {
      const { admission, paceWaitMs } = look();
      if (!admission.admitted) return { admitted: false, waitMs: Math.max(paceWaitMs, admission.waitMs) };
      if (paceWaitMs > 0) return { admitted: false, waitMs: paceWaitMs };
      breaker = admission.breaker;
      pace = { ...pace, nextMs: nowMs() + pace.gapMs };
      return { admitted: true };
    },
    leave(end, room = null) {
      const atMs = nowMs();
      breaker = noteCallEnd(breaker, end, atMs);
      if (room === null) return;
      const gapMs = gapOf(room);
      // Counted from now and not from the last start: what was underway then is in the server's count.
      pace = gapMs === 0 ? FREE : { gapMs, untilMs: atMs + room.resetMs, nextMs: atMs + gapMs };
    },
  };
}
