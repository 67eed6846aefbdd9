import type { CnnSlot } from '@touchstone/shared/contracts/vocabulary';
import { formatCsv } from './parse-csv.ts';
import type { ScoredRow } from './score-images.ts';

const SLOTS: CnnSlot[] = ['sbi', 'distildire'];
const HEAD = ['file', 'label', 'group', 'source', ...SLOTS, ...SLOTS.map((slot) => `${slot}_regions`)];

/** The scores as `npm run calibrate` reads them; an empty cell is a detector that was not applicable. */
export function formatScores(rows: readonly ScoredRow[]): string {
  return formatCsv(
    HEAD,
    rows.map(({ image, partials }) => {
      const answers = SLOTS.map((slot) =>
        partials.find((partial) => partial.slot === slot && partial.status === 'completed'),
      );
      return [
        image.file,
        image.label,
        image.group,
        image.source,
        ...answers.map((partial) => partial?.score ?? ''),
        ...answers.map((partial) => partial?.scored_regions ?? ''),
      ];
    }),
  );
}
