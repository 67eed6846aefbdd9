import { createSeededRandom, shuffle } from './seeded-random.ts';

/** What a part of the data is for: the stack, the thresholds, or a look at how both do on images that they never saw. */
export type CalibrationPart = 'fit' | 'thresholds' | 'check';

/** Thresholds at 1 % need many images, a stack of two weights needs few: 9, 6 and 5 of 20. */
const DEAL = [
  'thresholds',
  'fit',
  'thresholds',
  'check',
  'thresholds',
  'fit',
  'thresholds',
  'check',
  'thresholds',
  'fit',
  'fit',
  'check',
  'thresholds',
  'fit',
  'thresholds',
  'check',
  'thresholds',
  'fit',
  'thresholds',
  'check',
] as const satisfies CalibrationPart[];

/**
 * Deals whole groups into disjoint parts, source by source and label by label, so that each part is
 * like the whole. The seed decides.
 */
export function dealGroups(
  rows: readonly { group: string; source: string; isFake: boolean }[],
  seed: number,
): Map<string, CalibrationPart> {
  const kinds = new Map<string, string>();
  for (const { group, source, isFake } of rows) {
    const kind = `${source} ${isFake ? 'fake' : 'real'}`;
    kinds.set(group, kinds.has(group) && kinds.get(group) !== kind ? source : kind);
  }
  const shuffled = shuffle([...kinds.keys()].toSorted(), createSeededRandom(seed));
  const byKind = shuffled.toSorted((a, b) =>
    kinds.get(a)! < kinds.get(b)! ? -1 : kinds.get(a) === kinds.get(b) ? 0 : 1,
  );
  return new Map(byKind.map((group, i) => [group, DEAL[i % DEAL.length]!]));
}
