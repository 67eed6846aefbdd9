import type { OriginalAnswer, OriginalModel } from '@touchstone/shared/contracts/original-answer';
import type { DetectorResult, VerdictRecord } from '@touchstone/shared/contracts/verdict-record';
import type { Slot } from '@touchstone/shared/contracts/vocabulary';

/** The verdict in the shape of the system that Touchstone replaces; api.md section 2. */
export function projectOriginalAnswer(verdict: VerdictRecord): OriginalAnswer {
  const model = (slot: Slot) => projectModel(verdict.detectors.find((row) => row.slot === slot));
  const models = { sbi: model('sbi'), distildire: model('distildire'), chatgpt: model('llm') };
  const active = Object.values(models).filter(({ status }) => status === 'active').length;
  const { probability } = verdict;
  const isOpen = active === 0 || probability === null;
  return {
    is_fake: isOpen ? null : probability >= 0.5,
    confidence: isOpen ? null : confidenceIn(probability),
    ensemble_mode: `${active}_models_active`,
    models,
  };
}

/** How sure the stated answer is: 0.5 to 1, two decimals. */
const confidenceIn = (probability: number) => Math.round(Math.max(probability, 1 - probability) * 100) / 100;

function projectModel(row: DetectorResult | undefined): OriginalModel {
  if (row?.status === 'completed' && row.probability !== null) {
    return { is_fake: row.probability >= 0.5, confidence: confidenceIn(row.probability), status: 'active' };
  }
  return { is_fake: null, confidence: null, status: inactiveStatus(row) };
}

function inactiveStatus(row: DetectorResult | undefined): Exclude<OriginalModel['status'], 'active'> {
  switch (row?.status) {
    case 'not_applicable':
    case 'refused':
    case 'timed_out':
    case 'failed':
      return row.status;
    case undefined:
    case 'completed':
    case 'pending':
    case 'skipped':
      return 'unavailable';
  }
}

/**
 * Whether the question got no answer although it should have: none of the detectors that were asked for worked. An image
 * that is no detector's subject has its answer, and so has one that the LLM was not to be asked about.
 */
export function lacksEveryDetector(verdict: VerdictRecord, asked: Slot[]): boolean {
  const rows = asked.map((slot) => verdict.detectors.find((row) => row.slot === slot));
  const isAnyActive = rows.some((row) => projectModel(row).status === 'active');
  const isSettled = (row: DetectorResult | undefined) =>
    row?.status === 'not_applicable' || (row?.slot === 'llm' && row.reason === 'policy');
  return !isAnyActive && !rows.every(isSettled);
}
