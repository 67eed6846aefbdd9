import { beforeEach, describe, expect, it } from '@jest/globals';
import { createCallGate, type CallGate } from './call-gate.ts';

const success = { kind: 'success' } as const;

describe('the gate before a server that tells its limits', () => {
  let clock: number;
  let gate: CallGate;
  beforeEach(() => {
    clock = 0;
    gate = createCallGate(() => clock);
  });

  it('lets calls start apart when little room is left, and freely when the time is over', () => {
    expect(gate.enter().admitted).toBe(true);
    gate.leave(success, { calls: 4, resetMs: 10_000 });
    expect([gate.waitMs(), gate.enter()]).toEqual([2_000, { admitted: false, waitMs: 2_000 }]);
    clock = 2_000;
    expect([gate.waitMs(), gate.enter().admitted, gate.enter().admitted]).toEqual([0, true, false]);
    clock = 10_000;
    expect([gate.enter().admitted, gate.enter().admitted, gate.waitMs()]).toEqual([true, true, 0]);
  });

  it('runs freely again as soon as the server has room', () => {
    gate.leave(success, { calls: 0, resetMs: 60_000 });
    expect(gate.waitMs()).toBe(60_000);
    gate.leave(success, { calls: 400, resetMs: 100 });
    expect(gate.waitMs()).toBe(0);
  });

  it('keeps its pace when an answer tells nothing', () => {
    gate.leave(success, { calls: 1, resetMs: 10_000 });
    gate.leave(success);
    expect(gate.waitMs()).toBe(5_000);
  });

  it('is no breaker: it stays closed, and an open breaker is waited for as well', () => {
    gate.leave(success, { calls: 9, resetMs: 10_000 });
    expect(gate.state()).toBe('closed');
    gate.leave({ kind: 'stay-away', forMs: 7_000 });
    expect([gate.state(), gate.waitMs()]).toEqual(['open', 7_000]);
  });
});
