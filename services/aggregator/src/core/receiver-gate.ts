/** Keeps one slow receiver from holding up the others. */
export type ReceiverGate = {
  /** A place inside, or how long to wait before asking again. */
  enter(receiver: string): { leave: (pauseMs: number) => void } | { waitMs: number };
};

/** reliability.md section 4 W5. */
const MAX_AT_ONCE = 5;
const ASSUMED_SEND_MS = 500;
const MIN_WAIT_MS = 100;
/** Nobody waits much longer, because a receiver may get well meanwhile. */
const LONG_WAIT_MS = 30_000;

type Place = { underway: number; sendMs: number; nextTurnMs: number; pausedUntilMs: number };

/**
 * Of one process: several have as many gates. Who finds the receiver full is given a turn as far away as sends to it
 * take, so that a thousand messages to a black hole do not come back twice a second. `leave(pauseMs)`: how long this
 * receiver, and no other, is left alone from then on.
 */
export function createReceiverGate(uptimeMs: () => number): ReceiverGate {
  const places = new Map<string, Place>();
  return {
    enter(receiver) {
      const nowMs = uptimeMs();
      const place = places.get(receiver) ?? { underway: 0, sendMs: ASSUMED_SEND_MS, nextTurnMs: 0, pausedUntilMs: 0 };
      if (place.pausedUntilMs > nowMs) return { waitMs: place.pausedUntilMs - nowMs };
      if (place.underway >= MAX_AT_ONCE) {
        place.nextTurnMs = Math.max(place.nextTurnMs, nowMs) + place.sendMs / MAX_AT_ONCE;
        return { waitMs: waitOf(place.nextTurnMs - nowMs) };
      }
      place.underway++;
      places.set(receiver, place);
      return {
        leave(pauseMs) {
          place.underway--;
          place.sendMs = (place.sendMs + uptimeMs() - nowMs) / 2;
          place.pausedUntilMs = Math.max(place.pausedUntilMs, uptimeMs() + pauseMs);
          if (place.underway === 0 && place.pausedUntilMs <= uptimeMs()) places.delete(receiver);
        },
      };
    },
  };
}

/** Far turns are folded into one stretch of time rather than cut, which would bring all of them back at once. */
function waitOf(turnInMs: number): number {
  const waitMs = turnInMs <= LONG_WAIT_MS ? turnInMs : LONG_WAIT_MS + (turnInMs % LONG_WAIT_MS);
  return Math.max(MIN_WAIT_MS, Math.round(waitMs));
}
