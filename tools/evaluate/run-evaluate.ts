import { writeFile } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { isFittedFor } from '@touchstone/fusion/offered-points';
import { loadCalibration, type LoadedCalibration } from '@touchstone/fusion/load-calibration';
import { createLogger, type Logger } from '@touchstone/shared/observe/logger';
import { isFilled, loadSlots } from '../../services/gpu-worker/src/adapters/load-slots.ts';
import { buildCurves, buildReport, type Evaluation } from './build-report.ts';
import { dumpCrops } from './dump-crops.ts';
import type { EvaluateOptions } from './evaluate-options.ts';
import { formatReport } from './format-report.ts';
import { VARIANTS, type VariantId } from './image-variants.ts';
import { modelPathsOf } from './model-paths.ts';
import { openScorer, type Scorer } from './open-scorer.ts';
import { createProgressBar } from './progress-bar.ts';
import { drawImages, readDataset, type LabelledImage } from './read-dataset.ts';
import { renderPage } from './render-page.ts';
import { scoreImages } from './score-images.ts';
import { formatScores } from './score-table.ts';

/** The whole command, from the list of images to the files that were asked for. */
export async function runEvaluate(options: EvaluateOptions, env: NodeJS.ProcessEnv): Promise<void> {
  const all = await readDataset(options.dataset, options.split);
  const images = options.limit === null ? all : drawImages(all, options.limit, options.seed);
  const logger = createLogger('evaluate', 'warn');
  if (options.cropsFolder !== null) return await dump(images, options.cropsFolder, options, env, logger);
  const scorer = await openScorer({
    slots: options.slots,
    modelPaths: modelPathsOf(options.bundles, env),
    hasFaceCrops: options.hasFaceCrops,
    logger,
  });
  try {
    const evaluation = await evaluate(scorer, images, options, env);
    const report = buildReport(evaluation);
    process.stdout.write(formatReport(report));
    if (options.jsonPath !== null) await writeFile(options.jsonPath, `${JSON.stringify(report, null, 2)}\n`);
    if (options.scoresPath !== null) await writeFile(options.scoresPath, formatScores(evaluation.rows));
    if (options.htmlPath !== null) await writeFile(options.htmlPath, renderPage(report, buildCurves(evaluation)));
  } finally {
    await scorer.close();
  }
}

async function evaluate(
  scorer: Scorer,
  images: readonly LabelledImage[],
  options: EvaluateOptions,
  env: NodeJS.ProcessEnv,
): Promise<Evaluation> {
  const score = (variant: VariantId | null) => {
    const onProgress = createProgressBar(process.stderr, variant ?? 'scoring', images.length);
    return scoreImages(scorer, images, variant, onProgress);
  };
  const detectors = scorer.detectors.map(({ slot, identity }) => {
    const { id, version, weights_sha256 } = identity;
    return { slot, bundle: { id, version, weights_sha256 } };
  });
  const loaded = await loadCalibration(options.calibration ?? env['CALIBRATION_PATH']);
  const rows = await score(null);
  const variants: Evaluation['variants'] = [];
  if (options.isRobustness) {
    for (const id of Object.keys(VARIANTS) as VariantId[]) variants.push({ id, rows: await score(id) });
  }
  return {
    dataset: {
      name: nameOf(options.dataset),
      split: options.split,
      images: images.length,
      face_crops: options.hasFaceCrops,
      seed: options.seed,
    },
    detectors,
    calibration: fitting(loaded, detectors),
    rows,
    variants,
  };
}

/** A manifest is called by its folder, and no folder above that. */
const nameOf = (path: string) =>
  path.endsWith('.csv') ? `${basename(dirname(resolve(path)))}/${basename(path)}` : basename(resolve(path));

/** The calibration, if it was fitted for these weights; a line says that it was not. */
function fitting(loaded: LoadedCalibration | null, detectors: Evaluation['detectors']): LoadedCalibration | null {
  const other = detectors.find(
    ({ slot, bundle }) => loaded !== null && !isFittedFor(loaded.artefact, { slot, ...bundle }),
  );
  if (other === undefined) return loaded;
  process.stderr.write(
    `calibration ${loaded!.artefact.id} was fitted for other weights of ${other.slot}: not calibrated\n`,
  );
  return null;
}

async function dump(
  images: readonly LabelledImage[],
  folder: string,
  options: EvaluateOptions,
  env: NodeJS.ProcessEnv,
  logger: Logger,
): Promise<void> {
  const modelPaths = modelPathsOf(options.bundles, env);
  const [loaded] = await loadSlots({ slots: ['sbi'], modelPaths, deploymentUse: 'research' });
  if (loaded === undefined || !isFilled(loaded)) throw new Error(loaded?.detail ?? 'no bundle for faces');
  const step = loaded.bundle.manifest.preparation[0];
  if (step?.op !== 'crop-face') throw new Error(`${loaded.bundle.manifest.id} cuts no faces`);
  const onProgress = createProgressBar(process.stderr, 'cutting faces', images.length);
  const summary = await dumpCrops(images, folder, { step, logger, onProgress });
  const share = ((100 * summary.withoutFace) / summary.images).toFixed(1);
  process.stdout.write(
    `${summary.crops} crops of ${summary.images} images; ${summary.withoutFace} images (${share} %) without a scored ` +
      `face, ${summary.undecodable} undecodable\n`,
  );
}
