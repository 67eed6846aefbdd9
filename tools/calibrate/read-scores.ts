import type { CalibrationRow } from '@touchstone/fusion/calibration-scores';
import { CNN_SLOTS } from '@touchstone/shared/contracts/vocabulary';
import { parseCsv } from '../evaluate/parse-csv.ts';

const LABELS: Record<string, boolean> = { real: false, fake: true, '0': false, '1': true };

/**
 * Rows of `file,label[,group,source]` with a column of probabilities per detector; an empty cell is a detector that was
 * not applicable, `sbi_regions` the number of faces that the maximum was taken of. Rows that nothing scored are left out.
 */
export function readScores(text: string): CalibrationRow[] {
  const rows = parseCsv(text);
  const slots = CNN_SLOTS.filter((slot) => rows[0]?.[slot] !== undefined);
  if (slots.length === 0) throw new Error(`there is no column of scores: ${CNN_SLOTS.join(' or ')}`);
  return rows.flatMap((row, i) => {
    const place = `row ${i + 2}`;
    const isFake = LABELS[row['label']?.toLowerCase() ?? ''];
    if (isFake === undefined) throw new Error(`${place}: label must be real or fake, not ${row['label']}`);
    const scores: CalibrationRow['scores'] = {};
    for (const slot of slots) {
      if (row[slot] === '') continue;
      const score = Number(row[slot]);
      const regions = Number(row[`${slot}_regions`] || 1);
      if (!(score >= 0 && score <= 1)) throw new Error(`${place}: ${slot} must be a probability, not ${row[slot]}`);
      if (!Number.isInteger(regions) || regions < 1) throw new Error(`${place}: ${slot}_regions must be 1 or more`);
      scores[slot] = { score, regions };
    }
    if (Object.keys(scores).length === 0) return [];
    const file = row['file'] ?? String(i);
    return [{ isFake, group: row['group'] || file, source: row['source'] || 'unnamed', scores }];
  });
}
