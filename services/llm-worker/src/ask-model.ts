import type { Tenant } from '@touchstone/shared/contracts/detection-id';
import { RetryLaterError } from '@touchstone/shared/queue/retry-later-error';
import type { BudgetLedger } from './adapters/budget-ledger.ts';
import type { JudgeMetrics } from './adapters/judge-metrics.ts';
import { addTokens, microUsdOf, NO_TOKENS, tokensAtMost, type Prices, type Tokens } from './core/call-cost.ts';
import type { CallGate } from './core/call-gate.ts';
import { mayHaveBeenBilled, readResult, type AskJudge, type CallEvent, type JudgeCall } from './core/call-result.ts';
import { classifyOutcome, outcomeOfSecondCall, type Classified } from './core/classify-outcome.ts';
import { OUTCOMES, type JudgeOutcome } from './core/judge-outcome.ts';
import type { JudgePrompt, Manner } from './core/judge-prompt.ts';

export type AskModelDeps = {
  ask: AskJudge;
  prompt: JudgePrompt;
  ledger: BudgetLedger;
  gate: CallGate;
  metrics: JudgeMetrics;
  prices: Prices;
  maxOutputTokens: number;
  /** Over all calls of one question. */
  timeoutMs: number;
  /** The longest pause that a job is put off for. */
  maxDelayMs: number;
  /** Fires when this worker has to end: another one asks again. */
  ending?: AbortSignal;
};

export type Asked = { outcome: JudgeOutcome; tokens: Tokens; microUsd: number };

type Called = { kind: 'no-budget' } | { kind: 'called'; event: CallEvent; classified: Classified };

/**
 * Brings the model to an answer with at most two calls, each within the budget and both within one deadline. Rejects
 * with a RetryLaterError when the server wants a short pause, with another error when the queue shall try again.
 */
export function createAskModel(
  deps: AskModelDeps,
): (question: { tenant: Tenant; pictures: Uint8Array[]; isLastAttempt: boolean }) => Promise<Asked> {
  const { gate, maxDelayMs } = deps;

  return async ({ tenant, pictures, isLastAttempt }) => {
    const spent = { tokens: NO_TOKENS, microUsd: 0 };
    const ends = (outcome: JudgeOutcome): Asked => ({ outcome, ...spent });
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), deps.timeoutMs);
    const over = deps.ending === undefined ? deadline.signal : AbortSignal.any([deadline.signal, deps.ending]);

    const callOnce = async (manner: Manner): Promise<Called> => {
      const maxOutputTokens = deps.maxOutputTokens * (manner === 'longer' ? 2 : 1);
      const atMostMicroUsd = microUsdOf(tokensOf(deps.prompt, { manner, pictures, maxOutputTokens }), deps.prices);
      const reservation = await deps.ledger.reserve(tenant, atMostMicroUsd);
      if (reservation === null) return { kind: 'no-budget' };
      if (manner === 'first') {
        const admission = gate.enter();
        if (!admission.admitted) {
          await reservation.settle(null);
          throw new GateShutError(admission.waitMs);
        }
      }
      const result = await withinDeadline(deps.ask({ manner, pictures, maxOutputTokens }, over), over);
      const isGivenUp = result.kind === 'timed_out' && deps.ending?.aborted === true;
      const event = readResult(result);
      const classified = classifyOutcome(event, maxDelayMs);
      if (!isGivenUp) gate.leave(classified.breaker, result.kind === 'completion' ? result.room : null);
      const tokens = result.kind === 'completion' ? result.tokens : null;
      const actualMicroUsd = tokens === null ? null : microUsdOf(tokens, deps.prices);
      const microUsd = actualMicroUsd ?? (mayHaveBeenBilled(result) ? atMostMicroUsd : null);
      await reservation.settle(microUsd);
      spent.tokens = addTokens(spent.tokens, tokens ?? NO_TOKENS);
      spent.microUsd += microUsd ?? 0;
      deps.metrics.countCall(event.kind, tokens, microUsd ?? 0);
      if (isGivenUp) throw new RetryLaterError(0, 'this worker has to end');
      return { kind: 'called', event, classified };
    };

    try {
      const first = await callOnce('first');
      if (first.kind === 'no-budget') return ends(OUTCOMES.budgetSpent);
      const { step } = first.classified;
      switch (step.kind) {
        case 'store':
          return ends(step.outcome);
        case 'put-off':
          throw new RetryLaterError(step.delayMs, 'the language model asked for a pause');
        case 'retry':
          if (isLastAttempt) return ends(step.otherwise);
          throw new Error(`the language model cannot be asked: ${first.event.kind}`);
        case 'ask-again': {
          const second = await callOnce(step.manner);
          return ends(second.kind === 'called' ? outcomeOfSecondCall(second.event, step) : step.otherwise);
        }
      }
    } catch (error) {
      if (!(error instanceof GateShutError)) throw error;
      return ends(endOfShutGate(error.waitMs, maxDelayMs));
    } finally {
      clearTimeout(timer);
    }
  };
}

/** The gate was shut between the look at it and the call. */
class GateShutError extends Error {
  override readonly name = 'GateShutError';
  readonly waitMs: number;

  constructor(waitMs: number) {
    super(`the gate is shut for ${waitMs} ms`);
    this.waitMs = waitMs;
  }
}

/** A job waits for a gate that will let it try in time, and ends at one that will not. */
export function endOfShutGate(waitMs: number, maxDelayMs: number): JudgeOutcome {
  if (waitMs <= maxDelayMs) throw new RetryLaterError(waitMs, 'the gate is shut');
  return OUTCOMES.breakerOpen;
}

function tokensOf(prompt: JudgePrompt, call: JudgeCall): Tokens {
  const { manner, pictures, maxOutputTokens } = call;
  const textChars = prompt.system.length + prompt.asks[manner].length;
  return tokensAtMost({ textChars, pictures: pictures.length, maxOutputTokens });
}

/** A client that overlooks its signal must not hold the job. */
async function withinDeadline(result: ReturnType<AskJudge>, signal: AbortSignal): ReturnType<AskJudge> {
  if (signal.aborted) return { kind: 'timed_out' };
  return await new Promise((resolve, reject) => {
    const late = () => resolve({ kind: 'timed_out' });
    signal.addEventListener('abort', late, { once: true });
    result.then(resolve, reject).finally(() => signal.removeEventListener('abort', late));
  });
}
