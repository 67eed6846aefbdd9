import type { MachineFacts } from './machine-facts.ts';
import { median } from './percentile.ts';

/** What a figure has to keep. */
export type Target = { relation: '>=' | '<=' | '<'; limit: number };

/** One figure of a method: the median of its slots decides. */
export type Figure = {
  /** What it is, where a method has several; empty for its only one. */
  name: string;
  unit: string;
  target: Target;
  /** One value for each interleaved slot. */
  slots: number[];
};

export type MethodResult = {
  id: string;
  title: string;
  figures: Figure[];
  /** Load averages at the ends of the slots. */
  loads: number[];
  /** Lines for people: what was measured beside the figures. */
  notes: string[];
};

export type ReportEntry = {
  /** A number, or one number for each figure of the method. */
  value: number | Record<string, number>;
  target: number | Record<string, number>;
  pass: boolean;
  unit: string;
  relation: string;
  best: number | Record<string, number>;
  slots: number[] | Record<string, number[]>;
  load: { min: number; max: number };
  notes: string[];
};

export type Report = { machine: MachineFacts; [id: string]: ReportEntry | MachineFacts };

export const valueOf = (figure: Figure): number => median(figure.slots);
export const bestOf = ({ slots, target }: Figure): number =>
  target.relation === '>=' ? Math.max(...slots) : Math.min(...slots);

/** NaN keeps nothing. */
export function keepsTarget(value: number, { relation, limit }: Target): boolean {
  switch (relation) {
    case '>=':
      return value >= limit;
    case '<=':
      return value <= limit;
    case '<':
      return value < limit;
  }
}

export const passes = ({ figures }: MethodResult): boolean =>
  figures.every((figure) => keepsTarget(valueOf(figure), figure.target));

/** The report for machines: the machine, and an entry for each method under its id. */
export function buildReport(machine: MachineFacts, results: readonly MethodResult[]): Report {
  return { machine, ...Object.fromEntries(results.map((result) => [result.id, entryOf(result)])) };
}

function entryOf(result: MethodResult): ReportEntry {
  const { figures, loads, notes } = result;
  const each = <T>(pick: (figure: Figure) => T): T | Record<string, T> =>
    figures.length === 1
      ? pick(figures[0]!)
      : Object.fromEntries(figures.map((figure) => [figure.name, pick(figure)] as const));
  return {
    value: each((figure) => rounded(valueOf(figure))),
    target: each(({ target }) => target.limit),
    pass: passes(result),
    unit: [...new Set(figures.map(({ unit }) => unit))].join(', '),
    relation: [...new Set(figures.map(({ target }) => target.relation))].join(', '),
    best: each((figure) => rounded(bestOf(figure))),
    slots: each(({ slots }) => slots.map(rounded)),
    load: { min: Math.min(...loads), max: Math.max(...loads) },
    notes,
  };
}

/** Four digits say more than a noisy machine knows. */
const rounded = (value: number): number => Number(value.toPrecision(4));
