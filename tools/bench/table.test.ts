import { describe, expect, it } from '@jest/globals';
import { formatTable, short } from './table.ts';

describe('the table', () => {
  it('has a line for every figure, with the target, the verdict and the slots', () => {
    const text = formatTable({ cpu: 'a cpu', cores: 2, memory_gb: 8, node: 'v24', load_average: 0.5, gpus: [] }, [
      {
        id: 'R6',
        title: 'ceiling',
        figures: [
          { name: '512', unit: 'CPU-ms', target: { relation: '<=', limit: 15 }, slots: [14, 16, 15] },
          { name: '1mp', unit: 'CPU-ms', target: { relation: '<=', limit: 20 }, slots: [30, 25.123] },
        ],
        loads: [3, 1, 2],
        notes: ['beside it'],
      },
    ]);
    expect(text).toContain('a cpu, 2 cores, 8 GB, Node v24; load average 0.5 at the start\nGPU: none\n');
    expect(text).toMatch(/^R6 +ceiling: 512 +15 CPU-ms +<= 15 +ok +14 +14 16 15$/m);
    expect(text).toMatch(/^ +ceiling: 1mp +27.6 CPU-ms +<= 20 +MISSED +25.1 +30 25.1$/m);
    expect(text).toContain('R6: load average 1 to 3\n    beside it\n');
  });

  it('shortens numbers to what can be read', () => {
    expect([0.123456, 12.3456, 1_234.5, 0, Number.NaN].map(short)).toEqual(['0.123', '12.3', '1235', '0', '-']);
  });
});
