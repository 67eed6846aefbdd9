import { createLogger } from '@touchstone/shared/observe/logger';
import { CNN_SLOTS, type CnnSlot } from '@touchstone/shared/contracts/vocabulary';
import { openScorer } from '../evaluate/open-scorer.ts';
import { createProgressBar } from '../evaluate/progress-bar.ts';
import { readDataset } from '../evaluate/read-dataset.ts';
import { scoreImages } from '../evaluate/score-images.ts';
import { formatScores } from '../evaluate/score-table.ts';

/** The scores of whole data sets, each as `npm run evaluate -- ... --scores` would write them. */
export async function scoreDatasets(
  paths: readonly string[],
  split: string | null,
  modelPaths: Record<CnnSlot, string>,
): Promise<Buffer[]> {
  if (paths.length === 0) return [];
  const logger = createLogger('calibrate', 'warn');
  const scorer = await openScorer({ slots: [...CNN_SLOTS], modelPaths, hasFaceCrops: false, logger });
  try {
    const tables: Buffer[] = [];
    for (const path of paths) {
      const images = await readDataset(path, split);
      const onProgress = createProgressBar(process.stderr, `scoring ${path}`, images.length);
      tables.push(Buffer.from(formatScores(await scoreImages(scorer, images, null, onProgress))));
    }
    return tables;
  } finally {
    await scorer.close();
  }
}
