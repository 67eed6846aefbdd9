import type { MachineFacts } from './machine-facts.ts';
import { bestOf, keepsTarget, valueOf, type MethodResult } from './report.ts';

const HEAD = ['id', 'figure', 'median', 'target', '', 'best', 'slots'];

/** The report for people. */
export function formatTable(machine: MachineFacts, results: readonly MethodResult[]): string {
  const rows = results.flatMap(({ id, title, figures }) =>
    figures.map((figure, i) => {
      const value = valueOf(figure);
      return [
        i === 0 ? id : '',
        [title, figure.name].filter(Boolean).join(': '),
        `${short(value)} ${figure.unit}`.trim(),
        `${figure.target.relation} ${figure.target.limit}`,
        keepsTarget(value, figure.target) ? 'ok' : 'MISSED',
        short(bestOf(figure)),
        figure.slots.map(short).join(' '),
      ];
    }),
  );
  const widths = HEAD.map((head, column) => Math.max(head.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join('  ')
      .trimEnd();
  const notes = results.flatMap(({ id, loads, notes: said }) => [
    `${id}: load average ${Math.min(...loads)} to ${Math.max(...loads)}`,
    ...said.map((note) => `${' '.repeat(id.length)}  ${note}`),
  ]);
  return [...describeMachine(machine), '', line(HEAD), ...rows.map(line), '', ...notes, ''].join('\n');
}

function describeMachine(machine: MachineFacts): string[] {
  const { cpu, cores, memory_gb: memory, node, load_average: load, gpus } = machine;
  return [
    `${cpu}, ${cores} cores, ${memory} GB, Node ${node}; load average ${load} at the start`,
    `GPU: ${gpus.length === 0 ? 'none' : gpus.join(', ')}`,
  ];
}

/** Three digits, never as a power of ten. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return '-';
  return Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}
