import { z } from 'zod';

/** What an answer took of what costs money. */
export const Cost = z.object({
  /** As the server of the LLM bills them. */
  llm_tokens_in: z.number().int().min(0),
  llm_tokens_out: z.number().int().min(0),
  /** Time on the inference device, shared out among the images of a batch. */
  gpu_ms: z.number().min(0),
  /** Price of the LLM's calls; null where calls were made and no price is configured. Never too little. */
  usd: z.number().min(0).nullable(),
});
export type Cost = z.infer<typeof Cost>;

export const NO_COST: Cost = { llm_tokens_in: 0, llm_tokens_out: 0, gpu_ms: 0, usd: 0 };

/** What all of them took together. An answer without a cost took nothing, or is older than this account. */
export function totalCost(answers: { cost?: Cost | undefined }[]): Cost {
  const costs = answers.map(({ cost }) => cost ?? NO_COST);
  const sum = (of: (cost: Cost) => number) => costs.reduce((total, cost) => total + of(cost), 0);
  return {
    llm_tokens_in: sum((cost) => cost.llm_tokens_in),
    llm_tokens_out: sum((cost) => cost.llm_tokens_out),
    gpu_ms: Math.round(10 * sum((cost) => cost.gpu_ms)) / 10,
    usd: costs.some(({ usd }) => usd === null) ? null : Math.round(1e6 * sum((cost) => cost.usd ?? 0)) / 1e6,
  };
}
