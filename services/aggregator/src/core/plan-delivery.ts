import type { DeliveryRecord } from '@touchstone/shared/contracts/webhook';

/** What a delivery job has to do now. */
export type DeliveryPlan =
  /** The receiver has been told, or never will be: the marker may go. */
  | { kind: 'settled' }
  /** Nothing is owed: somebody else has taken the marker away. */
  | { kind: 'nothing' }
  /** The schedule goes on from the log, also when Redis has forgotten the job that waited for it. */
  | { kind: 'wait'; delayMs: number }
  /** `attempt` counts from 1 and by schedule alone. */
  | { kind: 'send'; attempt: number };

const ENDED: readonly DeliveryRecord['outcome'][] = ['delivered', 'exhausted', 'gone', 'disabled'];

/**
 * Asked before every attempt, so that a job which Redis brings back from an older state sends nothing twice. What is
 * asked for by hand is sent in any case, once.
 */
export function planDelivery(seen: {
  cause: DeliveryRecord['cause'];
  isOwed: boolean;
  log: readonly DeliveryRecord[];
  nowMs: number;
}): DeliveryPlan {
  const { cause, isOwed, log, nowMs } = seen;
  if (cause !== 'verdict') return { kind: 'send', attempt: 1 };
  if (!isOwed) return { kind: 'nothing' };
  if (log.some(({ outcome }) => outcome === 'delivered')) return { kind: 'settled' };
  const scheduled = log.filter((record) => record.cause === 'verdict');
  const last = scheduled.at(-1);
  if (last === undefined) return { kind: 'send', attempt: 1 };
  if (ENDED.includes(last.outcome) || last.next_attempt_at === null) return { kind: 'settled' };
  const delayMs = Date.parse(last.next_attempt_at) - nowMs;
  return delayMs > 0 ? { kind: 'wait', delayMs } : { kind: 'send', attempt: scheduled.length + 1 };
}
