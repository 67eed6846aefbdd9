export type RocPoint = { fpr: number; tpr: number };

/** The ROC curve from (0, 0) to (1, 1), one point per distinct score. Empty without both labels. */
export function rocCurve(images: readonly { score: number; isFake: boolean }[]): RocPoint[] {
  const fakes = images.filter(({ isFake }) => isFake).length;
  const reals = images.length - fakes;
  if (fakes === 0 || reals === 0) return [];
  const sorted = images.toSorted((a, b) => b.score - a.score);
  const points: RocPoint[] = [{ fpr: 0, tpr: 0 }];
  let falseAlarms = 0;
  let hits = 0;
  sorted.forEach(({ score, isFake }, i) => {
    if (isFake) hits += 1;
    else falseAlarms += 1;
    if (sorted[i + 1]?.score !== score) points.push({ fpr: falseAlarms / reals, tpr: hits / fakes });
  });
  return points;
}
