import { fitRidgeLogistic } from './ridge-logistic.ts';

/** One detector's log-odds for a labelled image; `offset` is the correction for the number of regions, -ln(k). */
export type PlattRow = { logOdds: number; isFake: boolean; offset?: number };
export type Platt = { a: number; b: number };

const C = 1;

/** Log-odds = a x + b. A slope below 0 would let a higher score lower the verdict: such a detector gets slope 0. */
export function fitPlatt(rows: readonly PlattRow[], c = C): Platt {
  const labelled = rows.map(({ logOdds, isFake, offset = 0 }) => ({ features: [logOdds], isFake, offset }));
  const { intercept, weights } = fitRidgeLogistic(labelled, c);
  const a = weights[0]!;
  if (a >= 0) return { a, b: intercept };
  const flat = fitRidgeLogistic(
    labelled.map((row) => ({ ...row, features: [] })),
    c,
  );
  return { a: 0, b: flat.intercept };
}
