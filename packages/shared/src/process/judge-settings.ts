import { z } from 'zod';

/** What decides whether a deployment has a judge; every process that must know asks the same question. */
export const JUDGE_SETTINGS = {
  OPENAI_API_KEY: z.string().optional(),
  /** Unset: there is a judge when there is a key. `1` where the key is known to the llm-worker alone. */
  LLM_ENABLED: z.enum(['0', '1', 'true', 'false']).optional(),
};

/** Also for an environment as it is, where an empty variable counts as unset. */
export function hasJudge(settings: { OPENAI_API_KEY?: string | undefined; LLM_ENABLED?: string | undefined }): boolean {
  const { OPENAI_API_KEY: key, LLM_ENABLED: enabled } = settings;
  return enabled ? enabled === '1' || enabled === 'true' : Boolean(key);
}
