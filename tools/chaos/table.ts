import type { Row } from './report.ts';

const HEAD = ['', 'what', 'system', 'accepted', 'lost', 'contrad.', 'dupl.', 'p50 s', 'p99 s', 'drain s', ''];

const seconds = (ms: number | null) => (ms === null ? '-' : (ms / 1_000).toFixed(1));

/** The rows for people. */
export function formatTable(rows: readonly Row[]): string {
  const cells = rows.map((row) =>
    'skipped' in row
      ? [row.scenario, row.title, row.system, '', '', '', '', '', '', '', `skipped: ${row.skipped}`]
      : [
          row.scenario,
          row.title,
          row.system,
          String(row.accepted),
          String(row.lost),
          String(row.contradictory),
          String(row.duplicates),
          seconds(row.recovery_p50_ms),
          seconds(row.recovery_p99_ms),
          seconds(row.drain_ms),
          // The peer is there to compare with, not to pass.
          row.system !== 'touchstone' ? '' : row.pass ? 'ok' : `MISSED: ${row.misses.join('; ')}`,
        ],
  );
  const widths = HEAD.map((head, column) => Math.max(head.length, ...cells.map((row) => row[column]!.length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => cell.padEnd(i === HEAD.length - 1 ? 0 : widths[i]!))
      .join('  ')
      .trimEnd();
  return [line(HEAD), ...cells.map(line), ''].join('\n');
}
