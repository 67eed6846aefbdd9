import type { CalibrationArtefact } from '@touchstone/shared/contracts/calibration-artefact';
import type { CnnSlot } from '@touchstone/shared/contracts/vocabulary';
import { groupFalseAlarms, type GroupFalseAlarms } from './group-false-alarms.ts';
import type { VariantId } from './image-variants.ts';
import { curvesOf, measure, measureSource, tell, type Curves, type Figures, type Voice } from './measure.ts';
import type { ScoredRow } from './score-images.ts';

type DetectorFigures = Figures & { bundle: { id: string; version: string; weights_sha256: string } };
type RobustnessFigures = Figures & { auc_drop: number | null };

/** The document of `--json`. */
export type EvaluationReport = {
  dataset: { name: string; split: string | null; images: number; face_crops: boolean; seed: number };
  calibration: { id: string; sha256: string; domain: string } | null;
  detectors: Record<string, DetectorFigures>;
  fused: Figures;
  by_source: Record<string, Record<string, Figures & { auc_against: 'own' | 'all' }>>;
  /** By variant, then by detector and `fused`. Empty unless `--robustness`. */
  robustness: Record<string, Record<string, RobustnessFigures>>;
  group_false_alarms: GroupFalseAlarms | null;
};

export type Evaluation = {
  dataset: EvaluationReport['dataset'];
  detectors: { slot: CnnSlot; bundle: DetectorFigures['bundle'] }[];
  calibration: { artefact: CalibrationArtefact; sha256: string } | null;
  rows: ScoredRow[];
  variants: { id: VariantId; rows: ScoredRow[] }[];
};

const voicesOf = ({ detectors }: Pick<Evaluation, 'detectors'>): Voice[] => [
  ...detectors.map(({ slot }) => slot),
  'fused',
];

/** Every figure from what was scored. Pure and seeded: the same scores give the same report. */
export function buildReport(evaluation: Evaluation): EvaluationReport {
  const { dataset, detectors, calibration, rows, variants } = evaluation;
  const artefact = calibration?.artefact ?? null;
  const figures = new Map(voicesOf(evaluation).map((voice) => [voice, measure(rows, voice, artefact)]));
  const sources = [...new Set(rows.map(({ image }) => image.source))].toSorted();
  const ofVoices = <T>(make: (voice: Voice) => T) =>
    Object.fromEntries(voicesOf(evaluation).map((voice) => [voice, make(voice)]));
  return {
    dataset,
    calibration:
      calibration === null
        ? null
        : { id: calibration.artefact.id, sha256: calibration.sha256, domain: calibration.artefact.domain },
    detectors: Object.fromEntries(detectors.map(({ slot, bundle }) => [slot, { bundle, ...figures.get(slot)! }])),
    fused: figures.get('fused')!,
    by_source: Object.fromEntries(
      sources.map((source) => [source, ofVoices((voice) => measureSource(rows, source, voice, artefact))]),
    ),
    robustness: Object.fromEntries(
      variants.map(({ id, rows: changed }) => [
        id,
        ofVoices((voice) => {
          const own = measure(changed, voice, artefact);
          const plain = figures.get(voice)!.auc;
          return { ...own, auc_drop: plain === null || own.auc === null ? null : plain - own.auc };
        }),
      ]),
    ),
    group_false_alarms: groupFalseAlarms(rows, artefact, dataset.seed),
  };
}

/** The curves that the page draws, by voice. */
export function buildCurves(evaluation: Evaluation): Record<string, Curves> {
  const artefact = evaluation.calibration?.artefact ?? null;
  return Object.fromEntries(
    voicesOf(evaluation).map((voice) => [voice, curvesOf(tell(evaluation.rows, voice, artefact))]),
  );
}
