import { expect, it } from '@jest/globals';
import { NO_COST, totalCost, type Cost } from './cost.ts';

const of = (more: Partial<Cost>) => ({ cost: { ...NO_COST, ...more } });

it('adds up tokens, time and money without the noise of binary fractions', () => {
  const judged = of({ llm_tokens_in: 1_365, llm_tokens_out: 250, usd: 0.007163 });
  const total = totalCost([of({ gpu_ms: 0.1 }), of({ gpu_ms: 0.2 }), judged, of({ usd: 0.1 })]);
  expect(total).toEqual({ llm_tokens_in: 1_365, llm_tokens_out: 250, gpu_ms: 0.3, usd: 0.107163 });
});

it('knows no price of the whole where it knows none of a part', () => {
  expect(totalCost([of({ gpu_ms: 3 }), of({ llm_tokens_in: 10, usd: null })]).usd).toBeNull();
});

it('counts nothing for an answer that tells no cost', () => {
  expect(totalCost([{}, of({ gpu_ms: 2 })])).toEqual({ ...NO_COST, gpu_ms: 2 });
  expect(totalCost([])).toEqual(NO_COST);
});
