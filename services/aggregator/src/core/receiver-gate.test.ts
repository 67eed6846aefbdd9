import { beforeEach, describe, expect, it } from '@jest/globals';
import { createReceiverGate, type ReceiverGate } from './receiver-gate.ts';

describe('the gate of receivers', () => {
  let nowMs: number;
  let gate: ReceiverGate;
  beforeEach(() => {
    nowMs = 1_000;
    gate = createReceiverGate(() => nowMs);
  });
  const enter = (receiver = 'a') => {
    const entered = gate.enter(receiver);
    if ('waitMs' in entered) throw new Error(`sent away for ${entered.waitMs} ms`);
    return entered.leave;
  };
  const waitOf = (receiver = 'a') => {
    const entered = gate.enter(receiver);
    if (!('waitMs' in entered)) throw new Error('let in');
    return entered.waitMs;
  };
  const fill = () => Array.from({ length: 5 }, () => enter());

  it('lets five in at once, of each receiver', () => {
    const [leave] = fill();
    expect(waitOf()).toBeGreaterThan(0);
    enter('b');
    leave!(0);
    enter();
    expect(waitOf()).toBeGreaterThan(0);
  });

  it('pauses one receiver and no other, also for those who enter before the pause ends', () => {
    const [first, second] = [enter(), enter()];
    first(60_000);
    expect(waitOf()).toBe(60_000);
    enter('b');
    nowMs += 20_000;
    // Another that was underway succeeds: the pause that was asked for holds.
    second(0);
    expect(waitOf()).toBe(40_000);
    nowMs += 40_000;
    enter();
  });

  it('gives who must wait turns as far apart as sends take', () => {
    // Five sends of 15 s at a time make a turn every three seconds.
    let inside = fill();
    for (let round = 0; round < 8; round++) {
      nowMs += 15_000;
      inside = inside.map((leave) => {
        leave(0);
        return enter();
      });
    }
    const waits = Array.from({ length: 3 }, () => waitOf());
    const steps = waits.slice(1).map((waitMs, i) => waitMs - waits[i]!);
    for (const stepMs of steps) expect(Math.abs(stepMs - 3_000)).toBeLessThan(30);
  });

  it('lets nobody wait much longer than half a minute, nor brings all back at the same time', () => {
    fill();
    const waits = Array.from({ length: 2_000 }, () => waitOf());
    expect(Math.max(...waits)).toBeLessThanOrEqual(60_000);
    const perSecond = new Map<number, number>();
    for (const waitMs of waits) {
      const second = Math.floor(waitMs / 1_000);
      perSecond.set(second, (perSecond.get(second) ?? 0) + 1);
    }
    expect(Math.max(...perSecond.values())).toBeLessThan(100);
  });

  it('forgets a receiver that nobody is sent to', () => {
    const leaves = fill();
    const waits = Array.from({ length: 50 }, () => waitOf());
    for (const leave of leaves) leave(0);
    fill();
    expect(waitOf()).toBeLessThan(waits.at(-1)!);
  });
});
