import type { MachineFacts } from '../bench/machine-facts.ts';
import type { FileResult } from './feed-files.ts';
import type { SystemUse } from './watch-system.ts';

/** A figure beside the most that it may be. */
type Bound = { what: string; value: number; most: number; unit: string };

export type HostileReport = {
  machine: MachineFacts;
  files: number;
  bytes: number;
  seconds: number;
  answers: Record<string, number>;
  outcomes: Record<string, number>;
  bounds: (Bound & { pass: boolean })[];
  /** Null: its processes could not be seen. */
  use: SystemUse | null;
  slowest: { answer: FileResult[]; preparation: FileResult[] };
};

/** Memory in bytes of the gateway at its peak under few large uploads at once, and under many. */
export type FloodUse = { fewPeakBytes: number; peakBytes: number; statuses: number[] };

export type HostileRun = {
  machine: MachineFacts;
  results: readonly FileResult[];
  seconds: number;
  use: SystemUse | null;
  flood: FloodUse | null;
};

/** Issue of the hostile corpora: DESIGN.md section 8, "safe input". */
const MOST = { answerMs: 1_000, prepareMs: 3_000, aboveIdleMb: 250, floodMb: 50 };
const WATCHED_ROLES = ['api-gateway', 'gpu-worker'];
const WORST = 5;
const mb = (bytes: number) => Math.round(bytes / 1e6);

export function buildHostileReport({ machine, results, seconds, use, flood }: HostileRun): HostileReport {
  const worst = (read: (result: FileResult) => number) => Math.round(Math.max(0, ...results.map(read)));
  const bounds: Bound[] = [
    {
      what: 'files without an answer',
      value: count(results, ({ answer }) => answer.startsWith('no answer')),
      most: 0,
      unit: '',
    },
    { what: 'answers 5xx', value: count(results, ({ answer }) => answer.startsWith('5')), most: 0, unit: '' },
    {
      what: 'accepted files without a verdict',
      value: count(results, ({ outcome }) => outcome?.startsWith('no ') === true),
      most: 0,
      unit: '',
    },
    {
      what: 'slowest answer of the gateway',
      value: worst(({ answerMs }) => answerMs),
      most: MOST.answerMs,
      unit: 'ms',
    },
    { what: 'slowest preparation', value: worst(({ prepareMs }) => prepareMs ?? 0), most: MOST.prepareMs, unit: 'ms' },
  ];
  if (use !== null) {
    const restarts = Object.values(use.restarts).reduce((sum, each) => sum + each, 0);
    bounds.push({ what: 'processes that died, preparers apart', value: restarts, most: 0, unit: '' });
    for (const role of WATCHED_ROLES) {
      const aboveMb = mb((use.peakBytes[role] ?? 0) - (use.idleBytes[role] ?? 0));
      bounds.push({ what: `${role} above idle`, value: aboveMb, most: MOST.aboveIdleMb, unit: 'MB' });
    }
  }
  if (flood !== null) {
    const growthMb = mb(flood.peakBytes - flood.fewPeakBytes);
    const what = `gateway under ${flood.statuses.length} uploads of 20 MB at once, beside few`;
    bounds.push({ what, value: growthMb, most: MOST.floodMb, unit: 'MB' });
    const refused = flood.statuses.filter((status) => status !== 202).length;
    bounds.push({ what: 'of them not accepted', value: refused, most: 0, unit: '' });
  }
  return {
    machine,
    files: results.length,
    bytes: results.reduce((sum, { bytes }) => sum + bytes, 0),
    seconds: Math.round(seconds),
    answers: tally(results.map(({ answer }) => answer)),
    outcomes: tally(results.flatMap(({ outcome }) => (outcome === null ? [] : [outcome]))),
    bounds: bounds.map((bound) => ({ ...bound, pass: bound.value <= bound.most })),
    use,
    slowest: {
      answer: slowest(results, ({ answerMs }) => answerMs),
      preparation: slowest(results, ({ prepareMs }) => prepareMs ?? 0),
    },
  };
}

/** The report for people. */
export function formatHostileReport(report: HostileReport): string {
  const { machine, files, bytes, seconds, answers, outcomes, bounds, use, slowest: worst } = report;
  const counts = (of: Record<string, number>) =>
    Object.entries(of).map(([name, times]) => `  ${String(times).padStart(6)}  ${name}`);
  const files5 = (results: readonly FileResult[], read: (result: FileResult) => number | null) =>
    results.map(
      (one) =>
        `  ${String(Math.round(read(one) ?? 0)).padStart(6)} ms  ${one.name} (${one.bytes} bytes, ${one.outcome ?? one.answer})`,
    );
  return [
    `${machine.cpu}, ${machine.cores} cores, Node ${machine.node}; load average ${machine.load_average} at the start`,
    `${files} files, ${mb(bytes)} MB, in ${seconds} s`,
    '',
    'answers',
    ...counts(answers),
    'what became of the accepted',
    ...counts(outcomes),
    'slowest answers',
    ...files5(worst.answer, ({ answerMs }) => answerMs),
    'slowest preparations (of a damaged file: from acceptance to verdict)',
    ...files5(worst.preparation, ({ prepareMs }) => prepareMs),
    '',
    ...bounds.map(
      ({ what, value, most, unit, pass }) =>
        `${pass ? 'ok    ' : 'MISSED'}  ${what}: ${value} ${unit}`.trimEnd() + ` (at most ${most})`,
    ),
    use === null
      ? 'Memory and restarts were not seen: --data-dir tells where that system keeps its data.'
      : `Preparers lost with an image: ${use.lostPreparers}`,
    '',
  ].join('\n');
}

function slowest(results: readonly FileResult[], read: (result: FileResult) => number): FileResult[] {
  return results.toSorted((a, b) => read(b) - read(a)).slice(0, WORST);
}

const count = (results: readonly FileResult[], is: (result: FileResult) => boolean) => results.filter(is).length;

function tally(words: readonly string[]): Record<string, number> {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return Object.fromEntries([...counts].toSorted(([, a], [, b]) => b - a));
}
