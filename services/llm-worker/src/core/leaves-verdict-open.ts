import type { CalibrationArtefact } from '@touchstone/shared/contracts/calibration-artefact';
import type { Partial as DetectorPartial } from '@touchstone/shared/contracts/partial';
import { fuse } from '@touchstone/fusion/fuse';

/**
 * Whether the detectors alone would end inside the band of indecision: the question of the policy `uncertain`. No
 * detector that answered is no band: the LLM alone never decides.
 */
export function leavesVerdictOpen(
  artefact: CalibrationArtefact | null,
  partials: DetectorPartial[],
  operatingPoint: string | null,
): boolean {
  const detectors = partials.filter(({ slot }) => slot !== 'llm');
  const { verdict, probability } = fuse(artefact, detectors, operatingPoint);
  return probability !== null && verdict === 'inconclusive';
}
