import type { CalibrationArtefact } from '@touchstone/shared/contracts/calibration-artefact';
import { CNN_SLOTS, type CnnSlot } from '@touchstone/shared/contracts/vocabulary';

/** The weights that run in a slot, as far as anyone tells. */
export type RunningDetector = { slot: CnnSlot; version: string; weights_sha256: string };

/** Whether the artefact was fitted for exactly this detector. */
export function isFittedFor(artefact: CalibrationArtefact, running: RunningDetector): boolean {
  const fit = artefact.detectors[running.slot];
  return fit?.weights_sha256 === running.weights_sha256 && fit.version === running.version;
}

/**
 * The operating points that hold whichever of the fitted detectors answer; none as soon as one of the running detectors
 * is another than it was fitted for, because then verdicts are not calibrated.
 */
export function offeredPoints(artefact: CalibrationArtefact | null, running: readonly RunningDetector[]): string[] {
  if (artefact === null || !running.every((detector) => isFittedFor(artefact, detector))) return [];
  const subsets = Object.values(artefact.subsets);
  const ids = Object.keys(subsets[0]?.bands ?? {});
  return ids.filter((id) => subsets.every(({ bands }) => bands[id] !== undefined));
}

/** Detectors that answered with other weights than the artefact was fitted for. */
export function unfittedDetectors(
  artefact: CalibrationArtefact,
  answered: readonly { slot: string; version: string | null; weights_sha256: string | null }[],
): RunningDetector[] {
  return answered.flatMap(({ slot, version, weights_sha256 }) => {
    const known = CNN_SLOTS.find((candidate) => candidate === slot);
    if (known === undefined || version === null || weights_sha256 === null) return [];
    const running = { slot: known, version, weights_sha256 };
    return isFittedFor(artefact, running) ? [] : [running];
  });
}
