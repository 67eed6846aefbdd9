import { readFile } from 'node:fs/promises';
import type { Partial as DetectorPartial } from '@touchstone/shared/contracts/partial';
import { makeVariant, type VariantId } from './image-variants.ts';
import { inOrder } from './in-order.ts';
import type { Scorer } from './open-scorer.ts';
import type { LabelledImage } from './read-dataset.ts';

export type ScoredRow = { image: LabelledImage; partials: DetectorPartial[] };

/** What the detectors answer for every image, or for every image in a variant of it. */
export async function scoreImages(
  scorer: Scorer,
  images: readonly LabelledImage[],
  variant: VariantId | null,
  onProgress: (done: number) => void,
): Promise<ScoredRow[]> {
  const rows: ScoredRow[] = [];
  const score = async ({ path }: LabelledImage) => {
    const file = await readFile(path);
    // What cannot be decoded goes to the preparer as it is, which says so.
    return await scorer.score(variant === null ? file : ((await makeVariant(file, variant)) ?? file));
  };
  await inOrder(images, score, (partials, image, i) => {
    rows.push({ image, partials });
    onProgress(i + 1);
  });
  return rows;
}
