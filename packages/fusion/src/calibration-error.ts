/** A probability that was told, and what the image was. */
export type ToldProbability = { probability: number; isFake: boolean };

/** One bar of a reliability diagram. */
export type ReliabilityBin = {
  from: number;
  to: number;
  count: number;
  /** Mean of the probabilities that were told; null in an empty bin. */
  told: number | null;
  /** Share of fakes; null in an empty bin. */
  found: number | null;
};

const BINS = 15;

/** Bins of equal width, the last one closed at 1. */
export function reliability(images: readonly ToldProbability[], bins = BINS): ReliabilityBin[] {
  const sums = Array.from({ length: bins }, () => ({ count: 0, told: 0, fakes: 0 }));
  for (const { probability, isFake } of images) {
    const sum = sums[Math.min(bins - 1, Math.floor(probability * bins))]!;
    sum.count += 1;
    sum.told += probability;
    sum.fakes += Number(isFake);
  }
  return sums.map(({ count, told, fakes }, i) => ({
    from: i / bins,
    to: (i + 1) / bins,
    count,
    told: count === 0 ? null : told / count,
    found: count === 0 ? null : fakes / count,
  }));
}

/** Expected calibration error: |told - found|, weighted by the images of each bin. Null without images. */
export function calibrationError(images: readonly ToldProbability[], bins = BINS): number | null {
  if (images.length === 0) return null;
  return reliability(images, bins).reduce(
    (sum, { count, told, found }) => sum + (count === 0 ? 0 : (count / images.length) * Math.abs(told! - found!)),
    0,
  );
}

/** Mean negative log-likelihood, probabilities kept 1e-12 away from certainty. Null without images. */
export function logLoss(images: readonly ToldProbability[]): number | null {
  if (images.length === 0) return null;
  const loss = ({ probability, isFake }: ToldProbability) =>
    -Math.log(Math.max(1e-12, isFake ? probability : 1 - probability));
  return images.reduce((sum, image) => sum + loss(image), 0) / images.length;
}
