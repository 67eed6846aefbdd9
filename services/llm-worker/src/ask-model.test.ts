import { describe, expect, it } from '@jest/globals';
import { Registry } from 'prom-client';
import { RetryLaterError } from '@touchstone/shared/queue/retry-later-error';
import { answerOf } from '../tests/support/judge-server.ts';
import { createJudgeMetrics } from './adapters/judge-metrics.ts';
import { createAskModel } from './ask-model.ts';
import { BREAKER_LIMITS } from './core/breaker.ts';
import { createCallGate } from './core/call-gate.ts';
import type { AskJudge, CallResult, JudgeCall } from './core/call-result.ts';
import { OUTCOMES } from './core/judge-outcome.ts';

const tokens = { in: 1_000, out: 100 };
const PRICES = { inUsdPerMillion: 1, outUsdPerMillion: 10 };
const says = (text: string, more: Partial<Extract<CallResult, { kind: 'completion' }>> = {}): CallResult => ({
  kind: 'completion',
  end: 'stop',
  text,
  tokens,
  model: 'm',
  fingerprint: null,
  room: null,
  ...more,
});
const judged = says(JSON.stringify(answerOf()));

/** A model that gives these results in turn, and a budget for so many calls. */
function setUp(results: CallResult[], budgetCalls = 10) {
  let nowMs = 0;
  const gate = createCallGate(() => nowMs);
  const calls: JudgeCall[] = [];
  const settled: (number | null)[] = [];
  let left = budgetCalls;
  const askModel = createAskModel({
    ask: async (call) => {
      calls.push(call);
      return results.shift()!;
    },
    prompt: { system: 's', asks: { first: 'f', longer: 'f', rephrased: 'r', repair: 'p' }, sha256: 'x' },
    ledger: {
      reserve: async () => (left-- > 0 ? { settle: async (microUsd) => void settled.push(microUsd) } : null),
    },
    gate,
    metrics: createJudgeMetrics(new Registry(), () => gate.state()),
    prices: PRICES,
    maxOutputTokens: 100,
    timeoutMs: 10_000,
    maxDelayMs: 20_000,
  });
  const ask = (isLastAttempt = false) =>
    askModel({ tenant: 'default', pictures: [Buffer.from('jpeg')], isLastAttempt });
  return { ask, calls, settled, gate, pass: (ms: number) => (nowMs += ms) };
}

describe('asking the model', () => {
  it('adds up what both calls cost', async () => {
    const { ask, settled } = setUp([says('prose'), judged]);
    expect(await ask()).toMatchObject({
      outcome: { status: 'completed' },
      tokens: { in: 2_000, out: 200 },
      microUsd: 4_000,
    });
    expect(settled).toEqual([2_000, 2_000]);
  });

  it('is content with the first call when the budget has no second one', async () => {
    const { ask, calls } = setUp([says('', { end: 'refusal' })], 1);
    expect((await ask()).outcome).toBe(OUTCOMES.refusal);
    expect(calls).toHaveLength(1);
  });

  it('does not ask without a budget', async () => {
    const { ask, calls } = setUp([], 0);
    expect((await ask()).outcome).toBe(OUTCOMES.budgetSpent);
    expect(calls).toHaveLength(0);
  });

  it('gives back what a failure cannot have cost, and keeps what it may have', async () => {
    for (const [result, returned] of [
      [{ kind: 'server_error' }, true],
      [{ kind: 'unreachable', wasSent: false }, true],
      [{ kind: 'unreachable', wasSent: true }, false],
      [{ kind: 'timed_out' }, false],
      [says('{}', { tokens: null }), false],
    ] satisfies [CallResult, boolean][]) {
      const { ask, settled } = setUp([result, judged]);
      await ask().catch(() => undefined);
      expect(settled[0] === null).toBe(returned);
    }
  });

  it('leaves a failure to the queue, and has an answer of its own at the last attempt', async () => {
    const failures = () => [{ kind: 'server_error' } as const];
    await expect(setUp(failures()).ask()).rejects.toThrow('server_error');
    expect((await setUp(failures()).ask(true)).outcome).toBe(OUTCOMES.broken);
    const limited = { kind: 'rate_limited', retryAfterMs: null } as const;
    expect((await setUp([limited]).ask(true)).outcome).toBe(OUTCOMES.breakerOpen);
  });

  it('stops asking after five failures, and asks once to see whether it may go on', async () => {
    const failures = Array.from({ length: 5 }, (): CallResult => ({ kind: 'server_error' }));
    const { ask, calls, settled, gate, pass } = setUp([...failures, judged], 20);
    for (let i = 0; i < 5; i++) await expect(ask()).rejects.toThrow('server_error');
    expect(gate.state()).toBe('open');
    expect((await ask()).outcome).toBe(OUTCOMES.breakerOpen);
    expect(calls).toHaveLength(5);
    expect(settled.at(-1)).toBeNull();
    pass(BREAKER_LIMITS.coolDownMs - 500);
    await expect(ask()).rejects.toThrow(RetryLaterError);
    pass(500);
    expect((await ask()).outcome.status).toBe('completed');
    expect(gate.state()).toBe('closed');
  });

  it('slows down before the server has to say so', async () => {
    const scarce = says(JSON.stringify(answerOf()), { room: { calls: 1, resetMs: 10_000 } });
    const { ask, calls, pass } = setUp([scarce, judged]);
    await ask();
    await expect(ask()).rejects.toMatchObject({ name: 'RetryLaterError', delayMs: 5_000 });
    expect(calls).toHaveLength(1);
    pass(5_000);
    expect((await ask()).outcome.status).toBe('completed');
  });

  it('gives the job back when its worker has to end before the answer comes', async () => {
    const ending = new AbortController();
    const settled: (number | null)[] = [];
    const gate = createCallGate(() => 0);
    const askModel = createAskModel({
      ask: () => {
        ending.abort();
        return new Promise(() => undefined);
      },
      prompt: { system: 's', asks: { first: 'f', longer: 'f', rephrased: 'r', repair: 'p' }, sha256: 'x' },
      ledger: { reserve: async () => ({ settle: async (microUsd) => void settled.push(microUsd) }) },
      gate,
      metrics: createJudgeMetrics(new Registry(), () => gate.state()),
      prices: PRICES,
      maxOutputTokens: 100,
      timeoutMs: 60_000,
      maxDelayMs: 20_000,
      ending: ending.signal,
    });
    const asked = askModel({ tenant: 'default', pictures: [], isLastAttempt: true });
    await expect(asked).rejects.toThrow(RetryLaterError);
    // The server may charge for it, and it is no fault of the server.
    expect([settled.length, settled[0]! > 0, gate.state()]).toEqual([1, true, 'closed']);
  });

  it('ends at its deadline, also with a client that overlooks it', async () => {
    const gate = createCallGate(() => 0);
    const never: AskJudge = () => new Promise(() => undefined);
    const askModel = createAskModel({
      ask: never,
      prompt: { system: 's', asks: { first: 'f', longer: 'f', rephrased: 'r', repair: 'p' }, sha256: 'x' },
      ledger: { reserve: async () => ({ settle: async () => undefined }) },
      gate,
      metrics: createJudgeMetrics(new Registry(), () => gate.state()),
      prices: PRICES,
      maxOutputTokens: 100,
      timeoutMs: 20,
      maxDelayMs: 20_000,
    });
    expect((await askModel({ tenant: 'default', pictures: [], isLastAttempt: false })).outcome).toBe(OUTCOMES.timedOut);
  });
});
