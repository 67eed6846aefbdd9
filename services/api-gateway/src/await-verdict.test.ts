import { describe, expect, it } from '@jest/globals';
import type { VerdictRecord } from '@touchstone/shared/contracts/verdict-record';
import { ID, verdictOf } from '../tests/verdict-fixtures.ts';
import { createVerdictWaiting } from './await-verdict.ts';

/** Signals that come when the test says so. */
function testSignals() {
  const wakers = new Set<() => void>();
  return {
    announce: () => wakers.forEach((wake) => wake()),
    listeners: () => wakers.size,
    wait: (_id: string, signal: AbortSignal) =>
      new Promise<boolean>((resolve) => {
        const end = (isStored: boolean) => {
          wakers.delete(wake);
          resolve(isStored);
        };
        const wake = () => end(true);
        wakers.add(wake);
        if (signal.aborted) end(false);
        else signal.addEventListener('abort', () => end(false), { once: true });
      }),
  };
}
const stay = () => new AbortController().signal;
const setUp = (maxHeld = 10) => {
  const signals = testSignals();
  const state = { verdict: null as VerdictRecord | null, looks: 0, errors: 0, breaks: false };
  const waiting = createVerdictWaiting({
    maxHeld,
    signals,
    readVerdict: async () => {
      state.looks++;
      if (state.breaks) throw new Error('the store is away');
      return state.verdict;
    },
    onError: () => state.errors++,
  });
  return { signals, state, waiting };
};

describe('waiting for a verdict', () => {
  it('ends at once when it is there', async () => {
    const { state, waiting } = setUp();
    state.verdict = verdictOf();
    expect(await waiting.hold()!.verdictOf('default', ID, 5_000, stay())).toBe(state.verdict);
  });

  it('ends with the announcement, also one between listening and looking', async () => {
    const { signals, state, waiting } = setUp();
    const startedMs = performance.now();
    const waited = waiting.hold()!.verdictOf('default', ID, 5_000, stay());
    state.verdict = verdictOf();
    signals.announce();
    expect(await waited).toBe(state.verdict);
    expect(performance.now() - startedMs).toBeLessThan(900);
    expect(signals.listeners()).toBe(0);
  });

  it('ends without an announcement by looking, through errors of the store', async () => {
    const { state, waiting } = setUp();
    state.breaks = true;
    const waited = waiting.hold()!.verdictOf('default', ID, 10_000, stay());
    state.breaks = false;
    state.verdict = verdictOf();
    expect(await waited).toBe(state.verdict);
    expect(state).toMatchObject({ errors: 1, looks: 2 });
  });

  it('ends without a verdict when the time is over, the client leaves or the service stops', async () => {
    const { signals, waiting } = setUp();
    expect(await waiting.hold()!.verdictOf('default', ID, 20, stay())).toBeNull();
    const client = new AbortController();
    const left = waiting.hold()!.verdictOf('default', ID, 60_000, client.signal);
    client.abort();
    expect(await left).toBeNull();
    const stopped = waiting.hold()!.verdictOf('default', ID, 60_000, stay());
    waiting.close();
    expect(await stopped).toBeNull();
    expect(await waiting.hold()!.verdictOf('default', ID, 60_000, stay())).toBeNull();
    expect(signals.listeners()).toBe(0);
  });

  it('is for so many and no more, and each counts once', () => {
    const { waiting } = setUp(2);
    const first = waiting.hold()!;
    waiting.hold();
    expect(waiting.hold()).toBeNull();
    expect(waiting.isFull).toBe(true);
    first.release();
    first.release();
    expect(waiting.held).toBe(1);
    expect(waiting.hold()).not.toBeNull();
  });
});
