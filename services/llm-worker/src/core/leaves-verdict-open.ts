import type { CalibrationArtefact } from '@touchstone/shared/contracts/calibration-artefact';
import type { Partial as DetectorPartial } from '@touchstone/shared/contracts/partial';
import { CNN_SLOTS, type CnnSlot } from '@touchstone/shared/contracts/vocabulary';

/** As long as nothing is calibrated: contract.md section 5. */
const DEFAULT_BAND = { lo: 0.15, hi: 0.85 };
const DEFAULT_CLIP = 1e-4;

type Answer = DetectorPartial & { slot: CnnSlot; score: number };

/**
 * Whether the detectors alone would end inside the band of indecision: the question of the policy `uncertain`. It
 * repeats the aggregator's arithmetic, because a service never imports another; tests/e2e holds the two together. No
 * detector that answered is no band: the LLM alone never decides.
 */
export function leavesVerdictOpen(
  artefact: CalibrationArtefact | null,
  partials: DetectorPartial[],
  operatingPoint: string | null,
): boolean {
  const answers = CNN_SLOTS.flatMap((slot) => {
    const found = partials.find((partial) => partial.slot === slot && partial.status === 'completed');
    return found === undefined || found.score === null ? [] : [{ ...found, slot, score: found.score }];
  });
  if (answers.length === 0) return false;
  const calibrated = artefact === null ? null : calibratedView(artefact, answers, operatingPoint);
  const { logOdds, band } = calibrated ?? plainView(answers);
  const probability = 1 / (1 + Math.exp(-logOdds));
  if (band.lo !== null && band.hi !== null && band.hi < band.lo) return probability === (band.lo + band.hi) / 2;
  return (band.hi === null || probability <= band.hi) && (band.lo === null || probability >= band.lo);
}

type View = { logOdds: number; band: { lo: number | null; hi: number | null } };

function plainView(answers: Answer[]): View {
  const sum = answers.reduce((total, answer) => total + logit(answer.score, DEFAULT_CLIP) - regionPenalty(answer), 0);
  return { logOdds: sum / answers.length, band: DEFAULT_BAND };
}

/** Null when the artefact was not fitted for these weights or for this subset of detectors. */
function calibratedView(artefact: CalibrationArtefact, answers: Answer[], operatingPoint: string | null): View | null {
  const key = answers.map(({ slot }) => slot).toSorted();
  const subset = artefact.subsets[key.join('+')];
  const bands = subset?.bands[operatingPoint ?? ''] ?? subset?.bands[artefact.default_operating_point];
  if (subset === undefined || subset.bands[artefact.default_operating_point] === undefined) return null;
  let logOdds = subset.w0;
  for (const answer of answers) {
    const fit = artefact.detectors[answer.slot];
    if (fit === undefined || fit.weights_sha256 !== answer.detector?.weights_sha256) return null;
    const z = fit.platt.a * logit(answer.score, fit.clip) + fit.platt.b - regionPenalty(answer);
    logOdds += (subset.w[answer.slot] ?? 0) * z;
  }
  return { logOdds, band: bands!.cnn };
}

const regionPenalty = ({ scored_regions: regions }: Answer) => Math.log(Math.max(1, regions));

function logit(probability: number, clip: number): number {
  const p = Math.min(1 - clip, Math.max(clip, probability));
  return Math.log(p / (1 - p));
}
