import { parseArgs } from 'node:util';
import { CNN_SLOTS, CnnSlot } from '@touchstone/shared/contracts/vocabulary';
import { readBundleOption, type BundleChoice } from './model-paths.ts';

export type EvaluateOptions = {
  /** Folder with `real/` and `fake/`, or a CSV. */
  dataset: string;
  split: string | null;
  hasFaceCrops: boolean;
  limit: number | null;
  seed: number;
  slots: CnnSlot[];
  bundles: BundleChoice;
  /** Path of a calibration artefact, `none`, or null for the one that ships. */
  calibration: string | null;
  isRobustness: boolean;
  scoresPath: string | null;
  jsonPath: string | null;
  htmlPath: string | null;
  cropsFolder: string | null;
};

export const USAGE = `npm run evaluate -- FOLDER_OR_CSV [options]
  FOLDER holds real/ and fake/; a CSV has file,label[,split,group,source] (manifests of data sets work as they are)
  --split val          only the rows of this split
  --face-crops         every image is already one face: no face is looked for, the crop is the image
  --limit N --seed S   a seeded draw of N images, both labels alike
  --detectors sbi      one detector alone (${CNN_SLOTS.join(', ')})
  --bundle sbi=PATH    another bundle for a slot
  --calibration FILE   another calibration artefact, or none
  --robustness         the same images again as JPEG q30/q50/q70, half, double, 5 % cropped, as a screenshot
  --scores FILE        writes the scores as npm run calibrate reads them
  --json FILE          writes the figures for machines
  --html FILE          writes a page with tables, reliability and ROC
  --dump-crops DIR     writes the faces exactly as the detector gets them, and evaluates nothing`;

/** Throws with the reason when an option is not understood. */
export function parseEvaluateOptions(args: readonly string[]): EvaluateOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      split: { type: 'string' },
      'face-crops': { type: 'boolean', default: false },
      limit: { type: 'string' },
      seed: { type: 'string', default: '1' },
      detectors: { type: 'string' },
      bundle: { type: 'string', multiple: true, default: [] },
      calibration: { type: 'string' },
      robustness: { type: 'boolean', default: false },
      scores: { type: 'string' },
      json: { type: 'string' },
      html: { type: 'string' },
      'dump-crops': { type: 'string' },
    },
  });
  const [dataset, ...others] = positionals;
  if (dataset === undefined || others.length > 0) throw new Error('name one folder or CSV');
  if (values['face-crops'] && values['dump-crops'] !== undefined) {
    throw new Error('--dump-crops looks for faces, --face-crops does not: choose one');
  }
  return {
    dataset,
    split: values.split ?? null,
    hasFaceCrops: values['face-crops'],
    limit: values.limit === undefined ? null : wholeNumber('--limit', values.limit, 1),
    seed: wholeNumber('--seed', values.seed, 0),
    slots: readSlots(values.detectors),
    bundles: Object.fromEntries(values.bundle.map(readBundleOption)),
    calibration: values.calibration ?? null,
    isRobustness: values.robustness,
    scoresPath: values.scores ?? null,
    jsonPath: values.json ?? null,
    htmlPath: values.html ?? null,
    cropsFolder: values['dump-crops'] ?? null,
  };
}

function wholeNumber(option: string, text: string, min: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < min) throw new Error(`${option}: a whole number from ${min} on`);
  return value;
}

function readSlots(text: string | undefined): CnnSlot[] {
  if (text === undefined) return [...CNN_SLOTS];
  const asked = text.split(',').map((part) => part.trim());
  const unknown = asked.find((part) => !CnnSlot.safeParse(part).success);
  if (unknown !== undefined) throw new Error(`--detectors: ${unknown} is none of ${CNN_SLOTS.join(', ')}`);
  return CNN_SLOTS.filter((slot) => asked.includes(slot));
}
