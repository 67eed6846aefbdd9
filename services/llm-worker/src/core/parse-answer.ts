import { JUDGEMENT_LIMITS, JudgeAnswer } from '@touchstone/shared/contracts/judgement';

/**
 * The answer in a model's text; null when the text is anything but one JSON object of the schema. Servers may ignore
 * the schema that they were sent, so nothing is believed before this (llm-and-fusion.md A5).
 */
export function parseAnswer(text: string): JudgeAnswer | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  const parsed = JudgeAnswer.safeParse(value);
  return parsed.success ? capAnswer(parsed.data) : null;
}

/** The schema bounds numbers; words and lists are cut here, because a talkative model is no reason to pay twice. */
function capAnswer(answer: JudgeAnswer): JudgeAnswer {
  const { artifacts, regionChars, evidenceChars } = JUDGEMENT_LIMITS;
  return {
    ...answer,
    artifacts: answer.artifacts.slice(0, artifacts).map((artifact) => ({
      ...artifact,
      region: cutText(artifact.region, regionChars),
      evidence: cutText(artifact.evidence, evidenceChars),
    })),
    quality_limits: [...new Set(answer.quality_limits)],
  };
}

/** At most so many UTF-16 units without control characters, never ending in half a character. */
export function cutText(text: string, maxChars: number): string {
  const cut = text.replace(/\p{Cc}+/gu, ' ').slice(0, maxChars);
  return /[\uD800-\uDBFF]$/.test(cut) ? cut.slice(0, -1) : cut;
}
