import type { CalibrationArtefact, OperatingPointBands } from '@touchstone/shared/contracts/calibration-artefact';
import { CNN_SLOTS, type CnnSlot } from '@touchstone/shared/contracts/vocabulary';
import { auc } from './auc.ts';
import { calibrationError, logLoss } from './calibration-error.ts';
import type { CalibrationRow } from './calibration-scores.ts';
import { conformalBand, minPerClass } from './conformal-band.ts';
import { decide } from './decide.ts';
import { regionCorrection, subsetKey } from './detector-evidence.ts';
import { logit, sigmoid } from './log-odds.ts';
import { fitLogisticStack } from './logistic-stack.ts';
import { dealGroups } from './part-of-groups.ts';
import { fitPlatt, type Platt } from './platt.ts';

/** False-alarm rates that clients may choose, the strictest first. */
export const OPERATING_POINTS = { fpr_1pct: 0.01, fpr_5pct: 0.05, fpr_10pct: 0.1 } as const;

const CLIP = 1e-4;
/** Fewer images of a class than this give a stack that is mostly noise. */
const MIN_FIT_PER_CLASS = 30;
/**
 * From here on a subset is fitted on the images that exactly these detectors answered: those without a face are another
 * kind of picture. So many give the strictest operating point. With fewer, on all images that they answered among others.
 */
const MIN_ALONE_PER_CLASS = 225;

export type CalibrationAbout = Pick<CalibrationArtefact, 'id' | 'created_at' | 'domain'> & {
  detectors: Partial<Record<CnnSlot, { version: string; weights_sha256: string }>>;
  scoresSha256: string;
  seed: number;
};

/** The labelled outputs do not suffice; the message says what is missing. */
export class CalibrationRefused extends Error {
  override name = 'CalibrationRefused';
}

type Fitted = { platt: Partial<Record<CnnSlot, Platt>>; parts: ReturnType<typeof dealGroups> };
type Subset = CalibrationArtefact['subsets'][string];

/**
 * Platt per detector, then for every subset of detectors a stack and, on images that the stack never saw, its thresholds
 * (llm-and-fusion.md B3, B4). The figures that the artefact tells were taken on a third part. Pure and seeded: the same
 * rows give the same artefact. Throws CalibrationRefused when nothing can be promised.
 */
export function fitCalibration(rows: readonly CalibrationRow[], about: CalibrationAbout): CalibrationArtefact {
  const slots = CNN_SLOTS.filter((slot) => rows.some(({ scores }) => scores[slot] !== undefined));
  const unknown = slots.find((slot) => about.detectors[slot] === undefined);
  if (unknown !== undefined) throw new CalibrationRefused(`there are scores of ${unknown}, but it has no bundle`);
  if (slots.length === 0) throw new CalibrationRefused('there are no scores');
  const parts = dealGroups(rows, about.seed);
  const platt: Fitted['platt'] = {};
  const shortages: string[] = [];
  for (const slot of slots) {
    const own = rows.filter(({ group, scores }) => scores[slot] !== undefined && parts.get(group) === 'fit');
    const shortage = shortageOf(own, MIN_FIT_PER_CLASS);
    if (shortage === null) platt[slot] = fitPlatt(own.map((row) => plattRow(row, slot)));
    else shortages.push(`${slot}: ${shortage} to fit on`);
  }
  const subsets: CalibrationArtefact['subsets'] = {};
  for (const subset of subsetsOf(slots.filter((slot) => platt[slot] !== undefined))) {
    const fitted = fitSubset(rows, subset, { platt, parts });
    if (typeof fitted === 'string') shortages.push(`${subsetKey(subset)}: ${fitted}`);
    else subsets[subsetKey(subset)] = fitted;
  }
  const offered = Object.keys(OPERATING_POINTS).filter((id) =>
    Object.values(subsets).every(({ bands }) => bands[id] !== undefined),
  );
  if (Object.keys(subsets).length === 0 || offered.length === 0) {
    throw new CalibrationRefused(`too few labelled images: ${shortages.join('; ')}`);
  }
  const { id, created_at, domain, detectors, scoresSha256, seed } = about;
  return {
    format: 1,
    id,
    created_at,
    domain,
    scores_sha256: scoresSha256,
    seed,
    fitted_n: countLabels(rows),
    default_operating_point: offered[0]!,
    detectors: Object.fromEntries(
      Object.entries(platt).map(([slot, { a, b }]) => [
        slot,
        { ...detectors[slot as CnnSlot]!, clip: CLIP, platt: { a, b } },
      ]),
    ),
    llm: null,
    subsets,
  };
}

/** What each subset of `fitCalibration` could not have, for people. Empty when nothing is missing. */
export function missingPoints(artefact: CalibrationArtefact): string[] {
  return Object.entries(artefact.subsets).flatMap(([key, { bands }]) =>
    Object.entries(OPERATING_POINTS)
      .filter(([id]) => bands[id] === undefined)
      .map(([id, alpha]) => `${key}: ${id} needs ${minPerClass(alpha)} images of each class for its thresholds`),
  );
}

function fitSubset(rows: readonly CalibrationRow[], slots: CnnSlot[], { platt, parts }: Fitted): Subset | string {
  const including = rows.filter(({ scores }) => slots.every((slot) => scores[slot] !== undefined));
  const alone = including.filter(({ scores }) => Object.keys(scores).length === slots.length);
  const isAlone = shortageOf(alone, MIN_ALONE_PER_CLASS) === null;
  const used = isAlone ? alone : including;
  const z = ({ scores }: CalibrationRow) =>
    slots.map((slot) => {
      const { score, regions } = scores[slot]!;
      return platt[slot]!.a * logit(score, CLIP) + platt[slot]!.b + regionCorrection(regions);
    });
  const part = (name: 'fit' | 'thresholds' | 'check') => used.filter(({ group }) => parts.get(group) === name);
  const shortage = shortageOf(part('fit'), MIN_FIT_PER_CLASS);
  if (shortage !== null) return `${shortage} to fit on`;
  const stack = fitLogisticStack(part('fit').map((row) => ({ features: z(row), isFake: row.isFake })));
  const told = (row: CalibrationRow) => ({
    isFake: row.isFake,
    probability: sigmoid(z(row).reduce((sum, value, i) => sum + stack.weights[i]! * value, stack.intercept)),
  });
  const thresholds = part('thresholds').map(told);
  const check = part('check').map(told);
  const bands = bandsOf(thresholds, check);
  if (Object.keys(bands).length === 0) return `${shortageOf(part('thresholds'), minPerClass(0.1))} for thresholds`;
  const { real: n_real, fake: n_fake } = countLabels(check);
  return {
    w0: stack.intercept,
    w: Object.fromEntries(slots.map((slot, i) => [slot, stack.weights[i]!])),
    w_llm: null,
    fitted_on: isAlone ? 'alone' : 'among_others',
    check: {
      n_real,
      n_fake,
      auc: auc(check.map(({ probability, isFake }) => ({ score: probability, isFake }))),
      ece: calibrationError(check),
      log_loss: logLoss(check),
    },
    bands,
  };
}

type Told = { isFake: boolean; probability: number };

function bandsOf(thresholds: readonly Told[], check: readonly Told[]): Record<string, OperatingPointBands> {
  const { real: n_real, fake: n_fake } = countLabels(thresholds);
  const scoresOf = (isFake: boolean) => thresholds.filter((row) => row.isFake === isFake).map((row) => row.probability);
  const bands: Record<string, OperatingPointBands> = {};
  for (const [id, alpha] of Object.entries(OPERATING_POINTS)) {
    if (Math.min(n_real, n_fake) < minPerClass(alpha)) continue;
    const cnn = conformalBand(scoresOf(false), scoresOf(true), alpha);
    const share = (isFake: boolean, verdict: ReturnType<typeof decide>) => {
      const rows = check.filter((row) => row.isFake === isFake);
      if (rows.length === 0) return null;
      return rows.filter(({ probability }) => decide(probability, cnn) === verdict).length / rows.length;
    };
    bands[id] = {
      alpha,
      cnn,
      with_llm: null,
      n_real,
      n_fake,
      measured_fpr: share(false, 'manipulated'),
      measured_fnr: share(true, 'authentic'),
    };
  }
  return bands;
}

const plattRow = ({ isFake, scores }: CalibrationRow, slot: CnnSlot) => ({
  logOdds: logit(scores[slot]!.score, CLIP),
  isFake,
  offset: regionCorrection(scores[slot]!.regions),
});

/** Every subset but the empty one. */
function subsetsOf(slots: readonly CnnSlot[]): CnnSlot[][] {
  return slots.reduce<CnnSlot[][]>((found, slot) => [...found, [slot], ...found.map((set) => [...set, slot])], []);
}

function countLabels(rows: readonly { isFake: boolean }[]): { real: number; fake: number } {
  const fake = rows.filter(({ isFake }) => isFake).length;
  return { real: rows.length - fake, fake };
}

function shortageOf(rows: readonly { isFake: boolean }[], min: number): string | null {
  const { real, fake } = countLabels(rows);
  return Math.min(real, fake) >= min ? null : `${real} real and ${fake} fake images, ${min} of each are needed`;
}
