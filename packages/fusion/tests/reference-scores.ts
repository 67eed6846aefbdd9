import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const COLUMNS = ['npr', 'spsl', 'trufor', 'ucf', 'universalfakedetect', 'wavelet_clip', 'yermandy_clip'] as const;
export type ReferenceDetector = (typeof COLUMNS)[number];

export type ReferenceRow = {
  isFake: boolean;
  /** As in the table: probabilities. */
  scores: Record<ReferenceDetector, number>;
  /** Whether the repeatable split keeps it for evaluation: byte 4 of the SHA-256 of its name is odd. */
  isEvaluation: boolean;
};

const shared = process.env['TOUCHSTONE_SHARED'] ?? resolve(import.meta.dirname, '../../../../shared');
const path = join(shared, 'data/fusion/scores-open.csv');

/** The outputs of seven public detectors on 11,891 frames; null, and a printed reason, where they are not. */
export function readReferenceScores(): ReferenceRow[] | null {
  if (!existsSync(path)) {
    process.stderr.write(`skipped: no data/fusion/scores-open.csv under TOUCHSTONE_SHARED (${shared})\n`);
    return null;
  }
  const [head, ...lines] = readFileSync(path, 'utf8').trim().split('\n');
  const names = head!.split(',');
  const columnOf = (name: string) => names.findIndex((other) => other.startsWith(name));
  const columns = COLUMNS.map((name) => [name, columnOf(name)] as const);
  return lines.map((line) => {
    const cells = line.split(',');
    const digest = createHash('sha256').update(cells[columnOf('image_name')]!).digest();
    return {
      isFake: cells[columnOf('ground_truth')] === '1',
      scores: Object.fromEntries(columns.map(([name, at]) => [name, Number(cells[at])])) as ReferenceRow['scores'],
      isEvaluation: digest[4]! % 2 === 1,
    };
  });
}
