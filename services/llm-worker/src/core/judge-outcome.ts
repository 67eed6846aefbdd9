import type { Partial as DetectorPartial } from '@touchstone/shared/contracts/partial';
import type { DetectorReason } from '@touchstone/shared/contracts/vocabulary';
import type { CallEvent } from './call-result.ts';

/** What becomes of a judge job, without whom, when and at what cost. */
export type JudgeOutcome = {
  status: DetectorPartial['status'];
  reason: DetectorReason | null;
  /** For people; free of anything that the model or the client said. */
  detail: string | null;
  /** The answer behind `completed`. */
  judged: Extract<CallEvent, { kind: 'judged' }> | null;
};

const without = (status: JudgeOutcome['status'], reason: DetectorReason, detail: string): JudgeOutcome => ({
  status,
  reason,
  detail,
  judged: null,
});

/** Every way in which a judge job ends without an answer (llm-and-fusion.md A4). */
export const OUTCOMES = {
  noModel: without('skipped', 'model_unavailable', 'This deployment has no language model.'),
  policy: without('skipped', 'policy', 'The detectors were certain, so the language model was not asked.'),
  off: without('skipped', 'policy', 'The language model was not to be asked.'),
  budgetSpent: without('skipped', 'budget', 'The budget of today for the language model is spent.'),
  breakerOpen: without('skipped', 'breaker_open', 'The language model cannot be asked at the moment.'),
  undecodable: without('failed', 'undecodable', 'The image file is damaged and could not be decoded.'),
  refusal: without('refused', 'refusal', 'The language model refused to judge this image.'),
  instructions: without(
    'refused',
    'contains_instructions',
    'The image holds text that tells a language model what to answer, so its answer was discarded.',
  ),
  truncated: without('failed', 'truncated_output', 'The answer of the language model was cut short.'),
  invalid: without('failed', 'invalid_output', 'The answer of the language model did not have the agreed form.'),
  quotaSpent: without('failed', 'budget', 'The account of the language model has no quota left.'),
  notAllowed: without('failed', 'model_unavailable', 'The language model does not take the key or the model name.'),
  rejected: without('failed', 'runtime_error', 'The language model does not take this question.'),
  broken: without('failed', 'runtime_error', 'The language model failed several times.'),
  timedOut: without('timed_out', 'deadline', 'The language model did not answer in time.'),
} as const satisfies Record<string, JudgeOutcome>;
