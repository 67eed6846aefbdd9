import { fuse } from '@touchstone/fusion/fuse';
import { createSeededRandom } from '@touchstone/fusion/seeded-random';
import type { CalibrationArtefact } from '@touchstone/shared/contracts/calibration-artefact';
import { pointsOf } from './measure.ts';
import type { ScoredRow } from './score-images.ts';

const GROUP_SIZES = [1, 4, 9] as const;
const DRAWS = 4_000;

/** By number of faces, then by operating point: the share of simulated pictures called manipulated by the face detector. */
export type GroupFalseAlarms = Record<string, Record<string, number>>;

/**
 * How often the face detector raises a false alarm at pictures of several real people: groups of real faces of this data
 * are drawn, and go through the fusion that serves as one picture each. Null without real faces.
 */
export function groupFalseAlarms(
  rows: readonly ScoredRow[],
  artefact: CalibrationArtefact | null,
  seed: number,
): GroupFalseAlarms | null {
  const faces = rows.flatMap(({ image, partials }) => {
    const partial = partials.find(({ slot, status }) => slot === 'sbi' && status === 'completed');
    if (image.label !== 'real' || partial === undefined) return [];
    const scores = partial.faces.flatMap(({ score }) => (score === null ? [] : [score]));
    // A crop that was given as a face has no face list.
    return (scores.length > 0 ? scores : [partial.score!]).map((score) => ({ ...partial, score }));
  });
  if (faces.length === 0) return null;
  const random = createSeededRandom(seed);
  return Object.fromEntries(
    GROUP_SIZES.map((size) => {
      const alarms = Object.fromEntries(pointsOf(artefact).map((id) => [id, 0]));
      for (let draw = 0; draw < DRAWS; draw++) {
        const group = Array.from({ length: size }, () => faces[Math.floor(random() * faces.length)]!);
        const score = Math.max(...group.map((face) => face.score));
        const picture = { ...group[0]!, score, scored_regions: size };
        for (const id of Object.keys(alarms)) {
          if (fuse(artefact, [picture], id).verdict === 'manipulated') alarms[id]! += 1 / DRAWS;
        }
      }
      return [String(size), alarms];
    }),
  );
}
