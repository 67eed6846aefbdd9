import type { CalibrationArtefact } from '@touchstone/shared/contracts/calibration-artefact';
import type { Partial } from '@touchstone/shared/contracts/partial';
import type { OperatingPoint } from '@touchstone/shared/contracts/verdict-record';
import type { CnnSlot, Verdict, VerdictReason } from '@touchstone/shared/contracts/vocabulary';
import { decide, type Band, type Decision } from './decide.ts';
import { artefactFits, subsetKey, weighEvidence, type DetectorEvidence } from './detector-evidence.ts';
import { logit, sigmoid } from './log-odds.ts';

/** Thresholds as long as nothing is calibrated (contract.md section 5). They promise no error rate. */
const DEFAULT_BAND = { lo: 0.15, hi: 0.85 };
/** From here on `manipulated` of an LLM without a fitted term turns `authentic` into `inconclusive`; more it may not do. */
const LLM_DOUBT = 0.8;

export type Fusion = {
  verdict: Verdict;
  /** P(manipulated); null when no detector answered. */
  probability: number | null;
  calibrated: boolean;
  operatingPoint: OperatingPoint | null;
  reasons: VerdictReason[];
  /** What each detector brought. They sum, with the intercept, to the log-odds of `probability`. */
  contributions: Map<CnnSlot, number>;
  /** Each answering detector's own P(manipulated). */
  probabilities: Map<CnnSlot, number>;
};

/**
 * One answer from the detectors that answered (llm-and-fusion.md B3). Missing means another subset, never a made-up
 * score; no score of any detector makes a verdict less suspicious when it rises; nothing that the LLM says makes it less
 * suspicious at all (A7).
 */
export function fuse(
  artefact: CalibrationArtefact | null,
  partials: Partial[],
  operatingPointId: string | null,
): Fusion {
  const fitted = artefact !== null && artefactFits(artefact, partials) ? artefact : null;
  const evidence = weighEvidence(fitted, partials);
  if (evidence.length === 0) return withoutEvidence(partials);
  const llm = llmAnswer(partials);
  const fused = fitted === null ? plainMean(evidence, llm) : calibratedStack(fitted, evidence, llm, operatingPointId);
  return { ...fused, reasons: reasonsOf(fused.verdict, fused.band, evidence, fused.reasons) };
}

function withoutEvidence(partials: Partial[]): Fusion {
  const nothing = {
    probability: null,
    calibrated: false,
    operatingPoint: null,
    contributions: new Map<CnnSlot, number>(),
    probabilities: new Map<CnnSlot, number>(),
  };
  if (partials.some((partial) => partial.reason === 'undecodable')) {
    return { ...nothing, verdict: 'unable_to_evaluate', reasons: ['undecodable'] };
  }
  const cnn = partials.filter((partial) => partial.slot !== 'llm');
  if (cnn.length > 0 && cnn.every((partial) => partial.status === 'not_applicable')) {
    return { ...nothing, verdict: 'not_applicable', reasons: ['no_applicable_detector'] };
  }
  return { ...nothing, verdict: 'inconclusive', reasons: ['below_quorum'] };
}

type Fused = Omit<Fusion, 'reasons' | 'verdict'> & { verdict: Decision; band: Band; reasons: VerdictReason[] };

/** Equal weights on plain log-odds: what can honestly be said when nothing was fitted. */
function plainMean(evidence: DetectorEvidence[], llm: LlmAnswer | null): Fused {
  const contributions = new Map(evidence.map(({ slot, logOdds }) => [slot, logOdds / evidence.length]));
  const probability = sigmoid(sumOf(contributions));
  const alone = decide(probability, DEFAULT_BAND);
  const doubted = alone === 'authentic' && raisesDoubt(llm);
  return {
    verdict: doubted ? 'inconclusive' : alone,
    probability,
    calibrated: false,
    operatingPoint: null,
    band: DEFAULT_BAND,
    contributions,
    probabilities: new Map(evidence.map(({ slot, logOdds }) => [slot, sigmoid(logOdds)])),
    reasons: doubted ? ['detectors_disagree'] : alone === 'inconclusive' ? ['within_default_band'] : [],
  };
}

function calibratedStack(
  artefact: CalibrationArtefact,
  evidence: DetectorEvidence[],
  llm: LlmAnswer | null,
  operatingPointId: string | null,
): Fused {
  const subset = artefact.subsets[subsetKey(evidence.map(({ slot }) => slot))]!;
  // The gateway refuses unknown points; one that a newer calibration dropped falls back, and the verdict names which.
  const known = operatingPointId !== null && subset.bands[operatingPointId] !== undefined;
  const id = known ? operatingPointId : artefact.default_operating_point;
  const bands = subset.bands[id]!;
  const contributions = new Map(evidence.map(({ slot, logOdds }) => [slot, (subset.w[slot] ?? 0) * logOdds]));
  const cnnLogOdds = subset.w0 + sumOf(contributions);
  const cnnVerdict = decide(sigmoid(cnnLogOdds), bands.cnn);

  const term = llmTerm(artefact, subset.w_llm, llm);
  const isFitted = term !== null && bands.with_llm !== null;
  const raisedVerdict = isFitted ? decide(sigmoid(cnnLogOdds + term), bands.with_llm!) : cnnVerdict;
  const doubted = !isFitted && cnnVerdict === 'authentic' && raisesDoubt(llm);
  const verdict = doubted ? 'inconclusive' : moreSuspicious(cnnVerdict, raisedVerdict);
  const decidedByLlm = !doubted && verdict !== cnnVerdict;
  const band = decidedByLlm ? bands.with_llm! : bands.cnn;
  return {
    verdict,
    probability: sigmoid(cnnLogOdds + (decidedByLlm ? term! : 0)),
    calibrated: true,
    operatingPoint: { id, ...band, measured_fpr: bands.measured_fpr, n_real: bands.n_real },
    band,
    contributions,
    probabilities: new Map(evidence.map(({ slot, logOdds }) => [slot, sigmoid(logOdds)])),
    reasons: [
      ...(decidedByLlm || doubted ? (['detectors_disagree'] as const) : []),
      ...(verdict === 'inconclusive' && !doubted ? (['within_conformal_band'] as const) : []),
    ],
  };
}

/** At least 0 and at most the cap, whatever the LLM says. Null without an answer, or when nothing was fitted for it. */
function llmTerm(artefact: CalibrationArtefact, weight: number | null, llm: LlmAnswer | null): number | null {
  if (artefact.llm === null || weight === null || llm === null) return null;
  const { model, prompt_sha256 } = llm.judgement ?? {};
  if (model !== artefact.llm.model || prompt_sha256 !== artefact.llm.prompt_sha256) return null;
  const z = artefact.llm.platt.a * logit(llm.score, 0.01) + artefact.llm.platt.b;
  return Math.min(artefact.llm.cap_b, Math.max(0, weight * z));
}

type LlmAnswer = { score: number; judgement: Partial['judgement'] };

function llmAnswer(partials: Partial[]): LlmAnswer | null {
  const partial = partials.find((candidate) => candidate.slot === 'llm');
  if (partial?.status !== 'completed' || partial.score === null) return null;
  return { score: partial.score, judgement: partial.judgement };
}

const raisesDoubt = (llm: LlmAnswer | null) =>
  llm !== null && llm.score >= LLM_DOUBT && llm.judgement?.verdict === 'manipulated';

const SUSPICION: Decision[] = ['authentic', 'inconclusive', 'manipulated'];
const moreSuspicious = (a: Decision, b: Decision): Decision => (SUSPICION.indexOf(a) >= SUSPICION.indexOf(b) ? a : b);
const sumOf = (contributions: Map<CnnSlot, number>) => [...contributions.values()].reduce((sum, part) => sum + part, 0);

/** Adds how the detectors stand to one another to what the decision already says. */
function reasonsOf(
  verdict: Decision,
  band: Band,
  evidence: DetectorEvidence[],
  found: VerdictReason[],
): VerdictReason[] {
  if (evidence.length === 1) return ['single_detector', ...found];
  const single = new Set(evidence.map(({ logOdds }) => decide(sigmoid(logOdds), band)));
  const conflict = single.has('manipulated') && single.has('authentic');
  if (conflict && !found.includes('detectors_disagree')) return ['detectors_disagree', ...found];
  return single.size === 1 && single.has(verdict) ? ['detectors_agree', ...found] : found;
}
