import type { CalibrationArtefact } from '@touchstone/shared/contracts/calibration-artefact';
import type { Partial } from '@touchstone/shared/contracts/partial';
import { CNN_SLOTS, type CnnSlot } from '@touchstone/shared/contracts/vocabulary';
import { logit } from './log-odds.ts';

/** Clip of a detector that nothing was fitted for. */
const DEFAULT_CLIP = 1e-4;

/** A detector that looked at the image and has something to say about it. */
export type DetectorEvidence = {
  slot: CnnSlot;
  /** Log-odds of manipulated, after calibration and the correction for the number of regions. */
  logOdds: number;
};

/**
 * What is added to the log-odds of the maximum of k scores. It is large more often than one score is: with 1 % false
 * alarms per face, nine faces would give 8.6 % per picture. ln(k) is the prior odds that one face of k was the one
 * (contract.md section 4).
 */
export const regionCorrection = (regions: number): number => -Math.log(Math.max(1, regions));

/** The detectors that answered, as log-odds. A detector that is not applicable leaves the subset: it is no low score. */
export function weighEvidence(artefact: CalibrationArtefact | null, partials: Partial[]): DetectorEvidence[] {
  return CNN_SLOTS.flatMap((slot) => {
    const partial = partials.find((candidate) => candidate.slot === slot);
    if (partial === undefined || partial.status !== 'completed' || partial.score === null) return [];
    const fit = artefact?.detectors[slot];
    const raw = logit(partial.score, fit?.clip ?? DEFAULT_CLIP);
    const calibrated = fit === undefined ? raw : fit.platt.a * raw + fit.platt.b;
    return [{ slot, logOdds: calibrated + regionCorrection(partial.scored_regions) }];
  });
}

/** Whether the artefact was fitted for exactly the weights that gave these answers, and for this subset of them. */
export function artefactFits(artefact: CalibrationArtefact, partials: Partial[]): boolean {
  const answered = partials.filter((partial) => partial.slot !== 'llm' && partial.status === 'completed');
  const sameWeights = answered.every((partial) => {
    const fit = artefact.detectors[partial.slot as CnnSlot];
    const { weights_sha256, version } = partial.detector ?? {};
    return fit !== undefined && fit.weights_sha256 === weights_sha256 && fit.version === version;
  });
  const subset = artefact.subsets[subsetKey(answered.map((partial) => partial.slot as CnnSlot))];
  return sameWeights && subset?.bands[artefact.default_operating_point] !== undefined;
}

/** Key of a subset of detectors in the artefact. */
export function subsetKey(slots: CnnSlot[]): string {
  return slots.toSorted().join('+');
}
