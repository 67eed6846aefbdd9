import { auc, aucInterval } from '@touchstone/fusion/auc';
import { calibrationError, reliability, type ReliabilityBin } from '@touchstone/fusion/calibration-error';
import { fuse } from '@touchstone/fusion/fuse';
import { logit } from '@touchstone/fusion/log-odds';
import { rocCurve, type RocPoint } from '@touchstone/fusion/roc-curve';
import type { CalibrationArtefact } from '@touchstone/shared/contracts/calibration-artefact';
import type { CnnSlot, Verdict } from '@touchstone/shared/contracts/vocabulary';
import type { ScoredRow } from './score-images.ts';

/** Who answers: one detector alone, or all of them through the fusion that serves. */
export type Voice = CnnSlot | 'fused';

/** An image that was scored, as its voice tells it. */
export type ToldImage = {
  label: 'real' | 'fake';
  group: string;
  source: string;
  probability: number;
  /** The verdict at every operating point, by its id. */
  verdicts: Record<string, Verdict>;
};

type PointFigures = {
  /** Share of real images called manipulated. */
  fpr: number | null;
  /** Share of fakes called authentic. */
  fnr: number | null;
  /** Share of fakes called manipulated. */
  found: number | null;
  inconclusive: number;
};

export type Figures = {
  n: number;
  n_real: number;
  n_fake: number;
  not_applicable: number;
  undecodable: number;
  auc: number | null;
  auc_interval: [number, number] | null;
  /** At probability .5; so are the next two. */
  accuracy: number | null;
  fpr_at_half: number | null;
  fnr_at_half: number | null;
  ece: number | null;
  /** Whether an artefact was fitted for these weights. Otherwise the only point is the default band. */
  calibrated: boolean;
  operating_points: Record<string, PointFigures>;
};

const DEFAULT_POINT = 'default_band';

/** The operating points that are worth a look: those of the artefact, else the band that stands in for them. */
export const pointsOf = (artefact: CalibrationArtefact | null): string[] =>
  artefact === null ? [DEFAULT_POINT] : Object.keys(Object.values(artefact.subsets)[0]?.bands ?? {});

/** What a voice tells of each image that it has an answer for, through the code that serves. */
export function tell(rows: readonly ScoredRow[], voice: Voice, artefact: CalibrationArtefact | null): ToldImage[] {
  return rows.flatMap(({ image, partials }) => {
    const heard = voice === 'fused' ? partials : partials.filter(({ slot }) => slot === voice);
    const points = pointsOf(artefact);
    const fusions = points.map((id) => fuse(artefact, heard, id));
    const { probability } = fusions[0]!;
    if (probability === null) return [];
    const { label, group, source } = image;
    const verdicts = Object.fromEntries(points.map((id, i) => [id, fusions[i]!.verdict]));
    return [{ label, group, source, probability, verdicts }];
  });
}

/** The figures of one voice over these images. */
export function measure(
  rows: readonly ScoredRow[],
  voice: Voice,
  artefact: CalibrationArtefact | null,
  resamples = 1_000,
): Figures {
  const told = tell(rows, voice, artefact);
  const scored = scoresOf(told);
  const reals = told.filter(({ label }) => label === 'real');
  const fakes = told.filter(({ label }) => label === 'fake');
  const isOf = (status: string) =>
    rows.filter(({ partials }) => {
      const heard = voice === 'fused' ? partials : partials.filter(({ slot }) => slot === voice);
      return heard.length > 0 && heard.every((partial) => partial.status === status);
    }).length;
  return {
    n: told.length,
    n_real: reals.length,
    n_fake: fakes.length,
    not_applicable: isOf('not_applicable'),
    undecodable: isOf('failed'),
    auc: auc(scored),
    auc_interval: resamples === 0 ? null : aucInterval(scored, { resamples, seed: 1 }),
    accuracy: share(told, ({ label, probability }) => probability >= 0.5 === (label === 'fake')),
    fpr_at_half: share(reals, ({ probability }) => probability >= 0.5),
    fnr_at_half: share(fakes, ({ probability }) => probability < 0.5),
    ece: calibrationError(told.map(({ label, probability }) => ({ isFake: label === 'fake', probability }))),
    calibrated: artefact !== null,
    operating_points: Object.fromEntries(
      pointsOf(artefact).map((id) => [
        id,
        {
          fpr: share(reals, ({ verdicts }) => verdicts[id] === 'manipulated'),
          fnr: share(fakes, ({ verdicts }) => verdicts[id] === 'authentic'),
          found: share(fakes, ({ verdicts }) => verdicts[id] === 'manipulated'),
          inconclusive: share(told, ({ verdicts }) => verdicts[id] === 'inconclusive') ?? 0,
        },
      ]),
    ),
  };
}

/** Figures of one source; one that has a single label is held against all images of the other. */
export function measureSource(
  rows: readonly ScoredRow[],
  source: string,
  voice: Voice,
  artefact: CalibrationArtefact | null,
): Figures & { auc_against: 'own' | 'all' } {
  const own = rows.filter(({ image }) => image.source === source);
  const labels = new Set(own.map(({ image }) => image.label));
  const figures = measure(own, voice, artefact);
  if (labels.size === 2) return { ...figures, auc_against: 'own' };
  const others = rows.filter(({ image }) => !labels.has(image.label));
  const scored = scoresOf(tell([...own, ...others], voice, artefact));
  const auc_interval = aucInterval(scored, { resamples: 1_000, seed: 1 });
  return { ...figures, auc: auc(scored), auc_interval, auc_against: 'all' };
}

export type Curves = { roc: RocPoint[]; reliability: ReliabilityBin[] };

export function curvesOf(told: readonly ToldImage[]): Curves {
  return {
    roc: rocCurve(scoresOf(told)),
    reliability: reliability(
      told.map(({ label, probability }) => ({ isFake: label === 'fake', probability })),
      10,
    ),
  };
}

const scoresOf = (told: readonly ToldImage[]) =>
  told.map(({ label, group, probability }) => ({ isFake: label === 'fake', group, score: logit(probability, 1e-15) }));

function share<Item>(items: readonly Item[], holds: (item: Item) => boolean): number | null {
  return items.length === 0 ? null : items.filter(holds).length / items.length;
}
