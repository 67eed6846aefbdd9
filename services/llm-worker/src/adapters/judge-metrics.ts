import { Counter, Gauge, type Registry } from 'prom-client';
import type { Partial as DetectorPartial } from '@touchstone/shared/contracts/partial';
import type { Breaker } from '../core/breaker.ts';
import type { Tokens } from '../core/call-cost.ts';
import type { CallEvent } from '../core/call-result.ts';

export type JudgeMetrics = {
  countCall(outcome: CallEvent['kind'], tokens: Tokens | null, microUsd: number): void;
  countPartial(partial: DetectorPartial): void;
};

const BREAKER_VALUES: Record<Breaker['state'], number> = { closed: 0, probing: 1, open: 2 };

export function createJudgeMetrics(registry: Registry, breakerState: () => Breaker['state']): JudgeMetrics {
  const calls = new Counter({
    name: 'touchstone_llm_calls_total',
    help: 'Questions to the language model, by how each ended.',
    labelNames: ['outcome'] as const,
    registers: [registry],
  });
  const tokens = new Counter({
    name: 'touchstone_llm_tokens_total',
    help: 'Tokens as the server counts them.',
    labelNames: ['direction'] as const,
    registers: [registry],
  });
  const spend = new Counter({
    name: 'touchstone_llm_spend_usd_total',
    help: 'What they cost at the configured prices.',
    registers: [registry],
  });
  const partials = new Counter({
    name: 'touchstone_partials_total',
    help: 'Answers of detectors that were stored, by what they say.',
    labelNames: ['slot', 'status', 'reason'] as const,
    registers: [registry],
  });
  new Gauge({
    name: 'touchstone_llm_breaker_state',
    help: 'Whether the language model is asked: 0 yes, 1 with one call to try, 2 no.',
    registers: [registry],
    collect() {
      this.set(BREAKER_VALUES[breakerState()]);
    },
  });
  return {
    countCall(outcome, used, microUsd) {
      calls.inc({ outcome });
      tokens.inc({ direction: 'in' }, used?.in ?? 0);
      tokens.inc({ direction: 'out' }, used?.out ?? 0);
      spend.inc(microUsd / 1e6);
    },
    countPartial({ slot, status, reason }) {
      partials.inc({ slot, status, reason: reason ?? 'none' });
    },
  };
}
