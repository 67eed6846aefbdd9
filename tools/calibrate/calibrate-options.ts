import { parseArgs } from 'node:util';
import { readBundleOption, type BundleChoice } from '../evaluate/model-paths.ts';

export type CalibrateOptions = {
  scoresPaths: string[];
  /** Data sets that are scored first. */
  dataPaths: string[];
  split: string | null;
  outPath: string;
  id: string | null;
  domain: string | null;
  seed: number;
  bundles: BundleChoice;
};

export const USAGE = `npm run calibrate -- [SCORES.csv ...] [options]
  SCORES.csv as npm run evaluate -- ... --scores writes it: file,label[,group,source] and a column per detector
  --data PATH          a folder or manifest that is scored first, with the bundles in use; may be repeated
  --split val          only the rows of this split of --data
  --out FILE           default models/calibration.json
  --id NAME            default cal- with the day and the digest of the scores
  --domain TEXT        what the images were; default the names of their sources
  --seed N             deals the images into the part that is fitted, the thresholds and the check
  --bundle sbi=PATH    the bundle that gave the scores of a slot, when it is not the configured one`;

/** Throws with the reason when an option is not understood. */
export function parseCalibrateOptions(args: readonly string[]): CalibrateOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      out: { type: 'string', default: 'models/calibration.json' },
      data: { type: 'string', multiple: true, default: [] },
      split: { type: 'string' },
      id: { type: 'string' },
      domain: { type: 'string' },
      seed: { type: 'string', default: '1' },
      bundle: { type: 'string', multiple: true, default: [] },
    },
  });
  if (positionals.length + values.data.length === 0) throw new Error('name a CSV of scores, or data to score');
  const seed = Number(values.seed);
  if (!Number.isInteger(seed) || seed < 0) throw new Error('--seed: a whole number from 0 on');
  return {
    scoresPaths: positionals,
    dataPaths: values.data,
    split: values.split ?? null,
    outPath: values.out,
    id: values.id ?? null,
    domain: values.domain ?? null,
    seed,
    bundles: Object.fromEntries(values.bundle.map(readBundleOption)),
  };
}
