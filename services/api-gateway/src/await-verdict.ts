import type { DetectionId, Tenant } from '@touchstone/shared/contracts/detection-id';
import { AppError } from '@touchstone/shared/contracts/failure';
import type { VerdictRecord } from '@touchstone/shared/contracts/verdict-record';
import type { VerdictSignals } from '@touchstone/shared/queue/verdict-signal';

/** One held connection. Whoever gets it releases it. */
type Hold = {
  /** The verdict, or null when the time is over, `gone` aborts or the service stops. Throws when it was erased. */
  verdictOf(tenant: Tenant, id: DetectionId, limitMs: number, gone: AbortSignal): Promise<VerdictRecord | null>;
  release(): void;
};

export type VerdictWaiting = {
  readonly held: number;
  readonly isFull: boolean;
  /** Null when as many connections are held as may be. */
  hold(): Hold | null;
  /** Wakes everyone who waits, for good. */
  close(): void;
};

/** A signal may be lost with Redis, so the store is looked into besides. */
const LOOK_EVERY_MS = 1_000;

export function createVerdictWaiting(deps: {
  maxHeld: number;
  signals: VerdictSignals;
  readVerdict(tenant: Tenant, id: DetectionId): Promise<VerdictRecord | null>;
  onError(error: unknown): void;
}): VerdictWaiting {
  let held = 0;
  let isClosed = false;
  const waiting = new Set<AbortController>();

  const look = async (tenant: Tenant, id: DetectionId) => {
    try {
      return await deps.readVerdict(tenant, id);
    } catch (error) {
      if (error instanceof AppError && error.code === 'not_found') throw error;
      // The store may be back before the client's time is over.
      deps.onError(error);
      return null;
    }
  };
  const verdictOf: Hold['verdictOf'] = async (tenant, id, limitMs, gone) => {
    const over = new AbortController();
    const end = () => over.abort();
    const timer = setTimeout(end, limitMs);
    gone.addEventListener('abort', end);
    if (isClosed || gone.aborted) end();
    waiting.add(over);
    try {
      for (;;) {
        // Listening starts before the look, or a verdict stored in between would be noticed a second late.
        const turn = new AbortController();
        const endTurn = () => turn.abort();
        over.signal.addEventListener('abort', endTurn);
        if (over.signal.aborted) endTurn();
        const nextLook = setTimeout(endTurn, LOOK_EVERY_MS);
        const announced = deps.signals.wait(id, turn.signal);
        try {
          const verdict = await look(tenant, id);
          if (verdict !== null || over.signal.aborted) return verdict;
          await announced;
        } finally {
          clearTimeout(nextLook);
          endTurn();
          over.signal.removeEventListener('abort', endTurn);
        }
      }
    } finally {
      clearTimeout(timer);
      gone.removeEventListener('abort', end);
      waiting.delete(over);
    }
  };

  return {
    get held() {
      return held;
    },
    get isFull() {
      return held >= deps.maxHeld;
    },
    hold() {
      if (held >= deps.maxHeld) return null;
      held++;
      let isReleased = false;
      return {
        verdictOf,
        release() {
          if (!isReleased) held--;
          isReleased = true;
        },
      };
    },
    close() {
      isClosed = true;
      for (const over of waiting) over.abort();
    },
  };
}
