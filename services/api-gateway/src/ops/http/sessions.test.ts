import { describe, expect, it } from '@jest/globals';
import { createSessions, SESSION_LIFETIME_MS } from './sessions.ts';

describe('sessions', () => {
  it('end by themselves, by logging out, and never by guessing', () => {
    let now = 1_000;
    const sessions = createSessions(() => now);
    const [one, two] = [sessions.open(), sessions.open()];
    expect(one).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect([sessions.isOpen(one), sessions.isOpen(two)]).toEqual([true, true]);
    expect([sessions.isOpen(null), sessions.isOpen(''), sessions.isOpen(`${one}x`)]).toEqual([false, false, false]);
    sessions.close(one);
    expect([sessions.isOpen(one), sessions.isOpen(two)]).toEqual([false, true]);
    now += SESSION_LIFETIME_MS;
    expect(sessions.isOpen(two)).toBe(false);
  });

  it('are a hundred at most: the oldest makes room', () => {
    const sessions = createSessions(() => 0);
    const ids = Array.from({ length: 102 }, () => sessions.open());
    expect(ids.map((id) => sessions.isOpen(id)).indexOf(true)).toBe(2);
  });
});
