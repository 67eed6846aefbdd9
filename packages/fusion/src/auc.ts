import { createSeededRandom } from './seeded-random.ts';

/** One score of one labelled image; images of one group are drawn together. */
export type ScoredImage = { score: number; isFake: boolean; group: string };

/** Area under the ROC curve: the chance that a fake scores higher than a real image, ties counting half. Null without both. */
export function auc(images: readonly Pick<ScoredImage, 'score' | 'isFake'>[]): number | null {
  return weightedAuc(
    rank(images),
    images.map(() => 1),
  );
}

/** 95 % percentile interval of a seeded bootstrap that draws whole groups. Null without both labels. */
export function aucInterval(
  images: readonly ScoredImage[],
  options: { resamples: number; seed: number } = { resamples: 1_000, seed: 1 },
): [number, number] | null {
  const groups = [...new Set(images.map(({ group }) => group))];
  const groupOf = new Map(groups.map((group, i) => [group, i]));
  const groupIndex = images.map(({ group }) => groupOf.get(group)!);
  const ranked = rank(images);
  const random = createSeededRandom(options.seed);
  const values: number[] = [];
  for (let n = 0; n < options.resamples; n++) {
    const drawn = new Uint32Array(groups.length);
    for (let i = 0; i < groups.length; i++) drawn[Math.floor(random() * groups.length)]! += 1;
    const value = weightedAuc(
      ranked,
      groupIndex.map((i) => drawn[i]!),
    );
    // A draw that has lost a whole class says nothing.
    if (value !== null) values.push(value);
  }
  if (values.length === 0) return null;
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
  return [at(0.025), at(0.975)];
}

type Ranked = { order: number[]; images: readonly Pick<ScoredImage, 'score' | 'isFake'>[] };

const rank = (images: Ranked['images']): Ranked => ({
  images,
  order: images.map((_, i) => i).toSorted((a, b) => images[a]!.score - images[b]!.score),
});

function weightedAuc({ images, order }: Ranked, weights: readonly number[]): number | null {
  let realBelow = 0;
  let fakes = 0;
  let area = 0;
  for (let i = 0; i < order.length;) {
    const { score } = images[order[i]!]!;
    let tiedReals = 0;
    let tiedFakes = 0;
    for (; i < order.length && images[order[i]!]!.score === score; i++) {
      const weight = weights[order[i]!]!;
      if (images[order[i]!]!.isFake) tiedFakes += weight;
      else tiedReals += weight;
    }
    area += tiedFakes * (realBelow + tiedReals / 2);
    realBelow += tiedReals;
    fakes += tiedFakes;
  }
  return realBelow === 0 || fakes === 0 ? null : area / (realBelow * fakes);
}
