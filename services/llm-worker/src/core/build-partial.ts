import type { Cost } from '@touchstone/shared/contracts/cost';
import { JUDGEMENT_LIMITS, type Judgement } from '@touchstone/shared/contracts/judgement';
import { Partial as DetectorPartial, type StageTimings } from '@touchstone/shared/contracts/partial';
import type { Tokens } from './call-cost.ts';
import type { JudgeOutcome } from './judge-outcome.ts';
import { cutText } from './parse-answer.ts';

/** What the job cost and took, whatever came of it. */
export type JudgeEffort = {
  tokens: Tokens;
  /** Null where no price is configured. */
  usd: number | null;
  promptSha256: string;
  /** Upright size; null when the picture was never opened. */
  image: DetectorPartial['image'];
  timings: StageTimings | null;
};

/** The record to store. Throws when it does not fit its schema, so that no reader ever meets one that does not. */
export function buildPartial(
  ref: Pick<DetectorPartial, 'tenant' | 'id' | 'revision'>,
  outcome: JudgeOutcome,
  effort: JudgeEffort | null,
  createdAtMs: number,
): DetectorPartial {
  const { tenant, id, revision } = ref;
  const judgement = effort === null ? null : judgementOf(outcome, effort);
  return DetectorPartial.parse({
    v: 1,
    id,
    tenant,
    revision,
    slot: 'llm',
    status: outcome.status,
    reason: outcome.reason,
    detail: outcome.detail,
    // A model behind an address has no weights that could be named: `judgement` says who answered.
    detector: null,
    score: outcome.judged?.answer.fake_probability ?? null,
    scored_regions: outcome.judged === null ? 0 : 1,
    faces: [],
    image: effort?.image ?? null,
    caveats: [],
    timings_ms: effort?.timings ?? null,
    ...(judgement === null ? {} : { judgement }),
    ...(effort === null ? {} : { cost: costOf(effort) }),
    created_at: new Date(createdAtMs).toISOString(),
  });
}

const costOf = ({ tokens, usd }: JudgeEffort): Cost => ({
  llm_tokens_in: tokens.in,
  llm_tokens_out: tokens.out,
  gpu_ms: 0,
  usd,
});

function judgementOf({ judged }: JudgeOutcome, effort: JudgeEffort): Judgement | null {
  if (judged === null) return null;
  const { fake_probability: _score, ...said } = judged.answer;
  const cap = (text: string) => cutText(text, JUDGEMENT_LIMITS.modelChars);
  return {
    ...said,
    model: cap(judged.model),
    prompt_sha256: effort.promptSha256,
    system_fingerprint: judged.fingerprint === null ? null : cap(judged.fingerprint),
    tokens_in: effort.tokens.in,
    tokens_out: effort.tokens.out,
    usd: effort.usd,
  };
}
