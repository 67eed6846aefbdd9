import { sigmoid } from './log-odds.ts';

/** One labelled row: its features, and log-odds that are known beforehand and not fitted. */
export type LogisticRow = { features: readonly number[]; isFake: boolean; offset?: number };
export type LogisticFit = { intercept: number; weights: number[] };

const MAX_STEPS = 30;
const TOLERANCE = 1e-9;
/** Keeps the system solvable where a feature is constant; too small to show in any fit. */
const JITTER = 1e-10;

/**
 * Minimises the sum of the log-losses + |weights|^2 / (2 C), the intercept free, by Newton's method: the meaning of C is
 * scikit-learn's (llm-and-fusion.md B1). A step that would worsen the loss is halved.
 */
export function fitRidgeLogistic(rows: readonly LogisticRow[], c: number): LogisticFit {
  const size = (rows[0]?.features.length ?? 0) + 1;
  let weights = Array.from({ length: size }, () => 0);
  let loss = lossOf(rows, weights, c);
  for (let step = 0; step < MAX_STEPS; step++) {
    const direction = newtonStep(rows, weights, c);
    let scale = 1;
    let next = weights.map((weight, i) => weight - direction[i]!);
    let nextLoss = lossOf(rows, next, c);
    while (nextLoss > loss && scale > 1e-6) {
      scale /= 2;
      next = weights.map((weight, i) => weight - scale * direction[i]!);
      nextLoss = lossOf(rows, next, c);
    }
    weights = next;
    loss = nextLoss;
    if (Math.max(...direction.map((part) => Math.abs(scale * part))) < TOLERANCE) break;
  }
  return { intercept: weights[0]!, weights: weights.slice(1) };
}

const logOddsOf = ({ features, offset = 0 }: LogisticRow, weights: readonly number[]) =>
  features.reduce((sum, feature, i) => sum + weights[i + 1]! * feature, offset + weights[0]!);

function lossOf(rows: readonly LogisticRow[], weights: readonly number[], c: number): number {
  const penalty = weights.slice(1).reduce((sum, weight) => sum + weight * weight, 0) / (2 * c);
  return rows.reduce((sum, row) => {
    const margin = (row.isFake ? -1 : 1) * logOddsOf(row, weights);
    return sum + Math.max(0, margin) + Math.log1p(Math.exp(-Math.abs(margin)));
  }, penalty);
}

function newtonStep(rows: readonly LogisticRow[], weights: readonly number[], c: number): number[] {
  const size = weights.length;
  const gradient = weights.map((weight, i) => (i === 0 ? 0 : weight / c));
  const hessian = weights.map((_, i) => weights.map((__, j) => (i === j ? JITTER + (i === 0 ? 0 : 1 / c) : 0)));
  for (const row of rows) {
    const p = sigmoid(logOddsOf(row, weights));
    const error = p - Number(row.isFake);
    const curve = p * (1 - p);
    for (let i = 0; i < size; i++) {
      const xi = i === 0 ? 1 : row.features[i - 1]!;
      gradient[i]! += error * xi;
      for (let j = 0; j <= i; j++) hessian[i]![j]! += curve * xi * (j === 0 ? 1 : row.features[j - 1]!);
    }
  }
  for (let i = 0; i < size; i++) for (let j = i + 1; j < size; j++) hessian[i]![j] = hessian[j]![i]!;
  return solve(hessian, gradient);
}

/** Gauss-Jordan with the largest pivot of each column; the matrix has as many rows as features, a handful. */
function solve(matrix: readonly (readonly number[])[], right: readonly number[]): number[] {
  const size = right.length;
  const rows = matrix.map((row, i) => [...row, right[i]!]);
  for (let column = 0; column < size; column++) {
    let pivot = column;
    for (let i = column + 1; i < size; i++) {
      if (Math.abs(rows[i]![column]!) > Math.abs(rows[pivot]![column]!)) pivot = i;
    }
    [rows[column], rows[pivot]] = [rows[pivot]!, rows[column]!];
    for (let i = 0; i < size; i++) {
      if (i === column) continue;
      const factor = rows[i]![column]! / rows[column]![column]!;
      for (let j = column; j <= size; j++) rows[i]![j]! -= factor * rows[column]![j]!;
    }
  }
  return rows.map((row, i) => row[size]! / row[i]!);
}
