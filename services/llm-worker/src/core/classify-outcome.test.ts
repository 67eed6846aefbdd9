import { describe, expect, it } from '@jest/globals';
import type { CallEvent } from './call-result.ts';
import { classifyOutcome, outcomeOfSecondCall } from './classify-outcome.ts';
import { OUTCOMES } from './judge-outcome.ts';

const GRACE_MS = 20_000;
const judged = { kind: 'judged', answer: { fake_probability: 0.5 }, model: 'm', fingerprint: null } as Extract<
  CallEvent,
  { kind: 'judged' }
>;

describe('the table of outcomes', () => {
  it.each([
    [{ kind: 'instructed' }, { kind: 'store', outcome: OUTCOMES.instructions }, 'success'],
    [{ kind: 'refused' }, { kind: 'ask-again', manner: 'rephrased', otherwise: OUTCOMES.refusal }, 'success'],
    [{ kind: 'truncated' }, { kind: 'ask-again', manner: 'longer', otherwise: OUTCOMES.truncated }, 'success'],
    [{ kind: 'unusable' }, { kind: 'ask-again', manner: 'repair', otherwise: OUTCOMES.invalid }, 'success'],
    [{ kind: 'rate_limited', retryAfterMs: GRACE_MS }, { kind: 'put-off', delayMs: GRACE_MS }, 'stay-away'],
    [{ kind: 'rate_limited', retryAfterMs: 0 }, { kind: 'put-off', delayMs: 1_000 }, 'stay-away'],
    [
      { kind: 'rate_limited', retryAfterMs: GRACE_MS + 1 },
      { kind: 'store', outcome: OUTCOMES.breakerOpen },
      'stay-away',
    ],
    [{ kind: 'rate_limited', retryAfterMs: null }, { kind: 'retry', otherwise: OUTCOMES.breakerOpen }, 'failure'],
    [{ kind: 'quota_spent' }, { kind: 'store', outcome: OUTCOMES.quotaSpent }, 'stay-away'],
    [{ kind: 'not_allowed' }, { kind: 'store', outcome: OUTCOMES.notAllowed }, 'stay-away'],
    [{ kind: 'rejected' }, { kind: 'store', outcome: OUTCOMES.rejected }, 'failure'],
    [{ kind: 'server_error' }, { kind: 'retry', otherwise: OUTCOMES.broken }, 'failure'],
    [{ kind: 'unreachable', wasSent: false }, { kind: 'retry', otherwise: OUTCOMES.broken }, 'failure'],
    [{ kind: 'timed_out' }, { kind: 'store', outcome: OUTCOMES.timedOut }, 'failure'],
  ] satisfies [CallEvent, object, string][])('makes of %j the step %j', (event, step, breaker) => {
    expect(classifyOutcome(event, GRACE_MS)).toMatchObject({ step, breaker: { kind: breaker } });
  });

  it('keeps an answer', () => {
    const { step, breaker } = classifyOutcome(judged, GRACE_MS);
    expect(step).toEqual({ kind: 'store', outcome: { status: 'completed', reason: null, detail: null, judged } });
    expect(breaker).toEqual({ kind: 'success' });
  });

  it('ends with the second call: by its answer, by its own defect, or by the defect of the first', () => {
    const { step: first } = classifyOutcome({ kind: 'refused' }, GRACE_MS);
    if (first.kind !== 'ask-again') throw new Error('asks only once');
    expect(outcomeOfSecondCall(judged, first).status).toBe('completed');
    expect(outcomeOfSecondCall({ kind: 'instructed' }, first)).toBe(OUTCOMES.instructions);
    expect(outcomeOfSecondCall({ kind: 'truncated' }, first)).toBe(OUTCOMES.truncated);
    for (const kind of ['server_error', 'timed_out', 'quota_spent', 'rejected'] as const) {
      expect(outcomeOfSecondCall({ kind }, first)).toBe(OUTCOMES.refusal);
    }
    expect(outcomeOfSecondCall({ kind: 'rate_limited', retryAfterMs: 1 }, first)).toBe(OUTCOMES.refusal);
  });
});
