import { describe, expect, it } from '@jest/globals';
import { admitCall, BREAKER_LIMITS, CLOSED, noteCallEnd, type Breaker } from './breaker.ts';

const failure = { kind: 'failure' } as const;
const success = { kind: 'success' } as const;
const failAt = (breaker: Breaker, ...times: number[]) =>
  times.reduce((state, at) => noteCallEnd(state, failure, at), breaker);
const { coolDownMs } = BREAKER_LIMITS;

describe('the breaker', () => {
  it('opens with the fifth failure within 30 s', () => {
    expect(failAt(CLOSED, 0, 1, 2, 3).state).toBe('closed');
    expect(failAt(CLOSED, 0, 1, 2, 3, 29_999)).toEqual({ state: 'open', untilMs: 29_999 + coolDownMs });
  });

  it('forgets failures older than 30 s, and none because of a success', () => {
    expect(failAt(CLOSED, 0, 1, 2, 3, 30_000).state).toBe('closed');
    const shaken = noteCallEnd(failAt(CLOSED, 0, 1, 2, 3), success, 4);
    expect(failAt(shaken, 5).state).toBe('open');
  });

  it('says how long it stays open, then lets exactly one call try', () => {
    const open = failAt(CLOSED, 0, 0, 0, 0, 0);
    expect(admitCall(open, 1_000)).toEqual({ admitted: false, waitMs: coolDownMs - 1_000 });
    const probe = admitCall(open, coolDownMs);
    expect(probe).toEqual({ admitted: true, breaker: { state: 'probing', sinceMs: coolDownMs } });
    if (!probe.admitted) throw new Error('not admitted');
    expect(admitCall(probe.breaker, coolDownMs + 1).admitted).toBe(false);
    expect(noteCallEnd(probe.breaker, success, coolDownMs + 2)).toEqual(CLOSED);
    expect(noteCallEnd(probe.breaker, failure, coolDownMs + 2).state).toBe('open');
  });

  it('tries again when the end of a probe was never reported', () => {
    const probing: Breaker = { state: 'probing', sinceMs: 0 };
    expect(admitCall(probing, coolDownMs)).toMatchObject({ admitted: true, breaker: { sinceMs: coolDownMs } });
  });

  it('stays away as long as it was told, and no shorter because of a later word', () => {
    const away = noteCallEnd(CLOSED, { kind: 'stay-away', forMs: 60_000 }, 0);
    expect(away).toEqual({ state: 'open', untilMs: 60_000 });
    expect(noteCallEnd(away, { kind: 'stay-away', forMs: 1_000 }, 0)).toBe(away);
    expect(noteCallEnd(away, failure, 1)).toBe(away);
    expect(noteCallEnd(away, success, 1)).toBe(away);
  });
});
