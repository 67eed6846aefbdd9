import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { fitCalibration, type CalibrationAbout } from '@touchstone/fusion/fit-calibration';
import { loadBundle } from '@touchstone/models/load-bundle';
import { CalibrationArtefact } from '@touchstone/shared/contracts/calibration-artefact';
import { CNN_SLOTS } from '@touchstone/shared/contracts/vocabulary';
import { modelPathsOf } from '../evaluate/model-paths.ts';
import type { CalibrateOptions } from './calibrate-options.ts';
import { formatArtefact } from './format-artefact.ts';
import { readScores } from './read-scores.ts';
import { scoreDatasets } from './score-datasets.ts';

/** From labelled scores to the artefact on disk. Writes nothing when the scores do not suffice. */
export async function runCalibrate(
  options: CalibrateOptions,
  context: { env: NodeJS.ProcessEnv; now: Date; print: (text: string) => void },
): Promise<CalibrationArtefact> {
  const modelPaths = modelPathsOf(options.bundles, context.env);
  const files: Buffer[] = await Promise.all(options.scoresPaths.map((path) => readFile(path)));
  files.push(...(await scoreDatasets(options.dataPaths, options.split, modelPaths)));
  // Files of two tables may have the same name without being the same.
  const rows = files.flatMap((bytes, i) =>
    readScores(bytes.toString('utf8')).map((row) => ({ ...row, group: `${i} ${row.group}` })),
  );
  const scoresSha256 = createHash('sha256').update(Buffer.concat(files)).digest('hex');
  const detectors: CalibrationAbout['detectors'] = {};
  for (const slot of CNN_SLOTS.filter((name) => rows.some(({ scores }) => scores[name] !== undefined))) {
    const loaded = await loadBundle(modelPaths[slot]);
    if (!loaded.ok) throw new Error(`${slot}: ${loaded.problem.detail}`);
    const { manifest, weightsSha256 } = loaded.bundle;
    detectors[slot] = { version: manifest.version, weights_sha256: weightsSha256 };
  }
  const sources = [...new Set(rows.map(({ source }) => source))].toSorted();
  const created = context.now.toISOString();
  const artefact = CalibrationArtefact.parse(
    fitCalibration(rows, {
      id: options.id ?? `cal-${created.slice(0, 10).replaceAll('-', '')}-${scoresSha256.slice(0, 8)}`,
      created_at: created,
      domain: options.domain ?? sources.join(', '),
      detectors,
      scoresSha256,
      seed: options.seed,
    }),
  );
  await writeFile(options.outPath, `${JSON.stringify(artefact, null, 2)}\n`);
  context.print(`${formatArtefact(artefact)}written to ${options.outPath}\n`);
  return artefact;
}
