import type { CallEnd } from './breaker.ts';
import type { CallEvent } from './call-result.ts';
import type { Manner } from './judge-prompt.ts';
import { OUTCOMES, type JudgeOutcome } from './judge-outcome.ts';

/** What a worker does after a call. */
export type NextStep =
  | { kind: 'store'; outcome: JudgeOutcome }
  /** One more call, once; `otherwise` when that one brings nothing. */
  | { kind: 'ask-again'; manner: Manner; otherwise: JudgeOutcome }
  /** The job waits as long as the server asks, without losing an attempt. */
  | { kind: 'put-off'; delayMs: number }
  /** The queue's backoff; `otherwise` at the last attempt. */
  | { kind: 'retry'; otherwise: JudgeOutcome };

export type Classified = { step: NextStep; breaker: CallEnd };

/** How long to leave a server alone that wants money or another key: only a person can mend that. */
const OPERATOR_COOL_DOWN_MS = 300_000;
/** `Retry-After: 0` for ever must not become a loop. */
const MIN_PAUSE_MS = 1_000;

const success: CallEnd = { kind: 'success' };
const failure: CallEnd = { kind: 'failure' };
const stayAway = (forMs: number): CallEnd => ({ kind: 'stay-away', forMs });
const store = (outcome: JudgeOutcome): NextStep => ({ kind: 'store', outcome });
const askAgain = (manner: Manner, otherwise: JudgeOutcome): NextStep => ({ kind: 'ask-again', manner, otherwise });

/**
 * The table of outcomes, llm-and-fusion.md A4. `maxDelayMs`: a server that wants a longer pause is not waited for, because
 * the verdict will not wait either (contract.md section 2).
 */
export function classifyOutcome(event: CallEvent, maxDelayMs: number): Classified {
  switch (event.kind) {
    case 'judged':
      return {
        step: store({ status: 'completed', reason: null, detail: null, judged: event }),
        breaker: success,
      };
    case 'instructed':
      return { step: store(OUTCOMES.instructions), breaker: success };
    case 'refused':
      return { step: askAgain('rephrased', OUTCOMES.refusal), breaker: success };
    case 'truncated':
      return { step: askAgain('longer', OUTCOMES.truncated), breaker: success };
    case 'unusable':
      return { step: askAgain('repair', OUTCOMES.invalid), breaker: success };
    case 'rate_limited': {
      if (event.retryAfterMs === null) {
        return { step: { kind: 'retry', otherwise: OUTCOMES.breakerOpen }, breaker: failure };
      }
      const pauseMs = Math.max(MIN_PAUSE_MS, event.retryAfterMs);
      return {
        step: pauseMs > maxDelayMs ? store(OUTCOMES.breakerOpen) : { kind: 'put-off', delayMs: pauseMs },
        breaker: stayAway(pauseMs),
      };
    }
    case 'quota_spent':
      return { step: store(OUTCOMES.quotaSpent), breaker: stayAway(OPERATOR_COOL_DOWN_MS) };
    case 'not_allowed':
      return { step: store(OUTCOMES.notAllowed), breaker: stayAway(OPERATOR_COOL_DOWN_MS) };
    case 'rejected':
      return { step: store(OUTCOMES.rejected), breaker: failure };
    case 'server_error':
    case 'unreachable':
      return { step: { kind: 'retry', otherwise: OUTCOMES.broken }, breaker: failure };
    case 'timed_out':
      return { step: store(OUTCOMES.timedOut), breaker: failure };
  }
}

/** The outcome of a job whose second call ended so. It does not ask a third time: what the first call said stands. */
export function outcomeOfSecondCall(event: CallEvent, first: Extract<NextStep, { kind: 'ask-again' }>): JudgeOutcome {
  const { step } = classifyOutcome(event, 0);
  if (step.kind === 'ask-again') return step.otherwise;
  return step.kind === 'store' && (event.kind === 'judged' || event.kind === 'instructed')
    ? step.outcome
    : first.otherwise;
}
