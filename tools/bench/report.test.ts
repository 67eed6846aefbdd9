import { describe, expect, it } from '@jest/globals';
import { buildReport, keepsTarget, passes, type MethodResult } from './report.ts';

const machine = { cpu: 'a cpu', cores: 2, memory_gb: 8, node: 'v24', load_average: 0.5, gpus: [] };
const engine: MethodResult = {
  id: 'R1',
  title: 'engine',
  figures: [{ name: '', unit: 'ratio', target: { relation: '>=', limit: 0.85 }, slots: [0.9, 0.7, 0.871234] }],
  loads: [0.5, 1.25],
  notes: ['a note'],
};
const ceiling: MethodResult = {
  id: 'R6',
  title: 'ceiling',
  figures: [
    { name: '512', unit: 'CPU-ms', target: { relation: '<=', limit: 15 }, slots: [14, 16, 15] },
    { name: '1mp', unit: 'CPU-ms', target: { relation: '<=', limit: 20 }, slots: [20.5, 21, 19] },
  ],
  loads: [2],
  notes: [],
};

describe('the report', () => {
  it('holds the median of the slots against the target, and names the best', () => {
    expect(buildReport(machine, [engine])).toEqual({
      machine,
      R1: {
        value: 0.8712,
        target: 0.85,
        pass: true,
        unit: 'ratio',
        relation: '>=',
        best: 0.9,
        slots: [0.9, 0.7, 0.8712],
        load: { min: 0.5, max: 1.25 },
        notes: ['a note'],
      },
    });
  });

  it('fails a method of several figures when one of them fails', () => {
    expect(buildReport(machine, [ceiling])['R6']).toMatchObject({
      value: { '512': 15, '1mp': 20.5 },
      target: { '512': 15, '1mp': 20 },
      best: { '512': 14, '1mp': 19 },
      pass: false,
    });
    expect(passes({ ...ceiling, figures: ceiling.figures.slice(0, 1) })).toBe(true);
  });

  it.each([
    [1, '>=', 1, true],
    [1, '<=', 1, true],
    [1, '<', 1, false],
    [0.9, '<', 1, true],
    [0.9, '>=', 1, false],
    [Number.NaN, '<=', 1, false],
  ] as const)('says that %d %s %d is %s', (value, relation, limit, kept) => {
    expect(keepsTarget(value, { relation, limit })).toBe(kept);
  });
});
