import { describe, expect, it } from '@jest/globals';
import { createRests } from './rests.ts';

describe('a key that rests', () => {
  const restsAt = (at: { ms: number }) => createRests(() => at.ms);

  it('is left alone until its time is over', () => {
    const at = { ms: 5 };
    const rests = restsAt(at);
    rests.add('a', 10);
    expect([rests.has('a'), rests.has('b')]).toEqual([true, false]);
    at.ms = 15;
    rests.forgetPast();
    expect(rests.has('a')).toBe(false);
  });

  it('rests no longer once all rests are ended', () => {
    const rests = restsAt({ ms: 0 });
    rests.add('a', 10);
    rests.clear();
    expect(rests.has('a')).toBe(false);
  });
});
