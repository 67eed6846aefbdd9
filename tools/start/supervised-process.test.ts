import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { superviseProcess, type Launched, type ProcessEvents, type SupervisedProcess } from './supervised-process.ts';

describe('a supervised process', () => {
  let said: string[];
  let supervised: SupervisedProcess | undefined;

  beforeEach(() => {
    said = [];
  });
  afterEach(() => supervised?.stop());

  const supervise = (
    launch: () => Launched,
    { events, ...limits }: { readyLimitMs?: number; slowAfterMs?: number; events?: Partial<ProcessEvents> } = {},
  ) => {
    supervised = superviseProcess({
      role: 'fake',
      launch,
      isHopeless: () => false,
      events: {
        onChange: () => undefined,
        onReady: () => undefined,
        onSlowStart: () => undefined,
        onEnd: (how, delayMs) => said.push(`${how}, ${delayMs} ms`),
        onLine: () => undefined,
        ...events,
      },
      ...limits,
    });
    return supervised;
  };
  const spawnIdle = () => spawn(process.execPath, ['-e', 'setInterval(() => {}, 1_000)'], { detached: true });

  it('counts a launch that throws as a life that failed', async () => {
    const { started } = supervise(() => {
      throw new Error('no space left');
    });
    expect(await started).toEqual({ role: 'fake', reason: 'not launched: no space left', lastLines: [] });
    expect(said).toEqual(Array(2).fill('not launched: no space left, 0 ms'));
  });

  it('goes on with longer and longer waits when launching again throws, until it works', async () => {
    const { promise: isBack, resolve: markBack } = Promise.withResolvers<number>();
    let launches = 0;
    const restarted = supervise(
      () => {
        launches += 1;
        if (launches > 1 && launches < 6) throw new Error('no space left');
        const child = spawnIdle();
        if (launches === 1) child.once('spawn', () => child.kill('SIGKILL'));
        return { child, ready: new Promise((resolve) => child.once('spawn', () => resolve({}))) };
      },
      { events: { onReady: (restarts) => restarts > 0 && markBack(restarts) } },
    );
    expect(await isBack).toBe(5);
    expect(said).toEqual([
      'signal SIGKILL, 0 ms',
      'not launched: no space left, 0 ms',
      'not launched: no space left, 100 ms',
      'not launched: no space left, 200 ms',
      'not launched: no space left, 400 ms',
    ]);
    expect(restarted.report()).toMatchObject({ state: 'ready', restarts: 5 });
  });

  it('says that a start is slow, and what limit it has', async () => {
    const { promise: slow, resolve: markSlow } = Promise.withResolvers<[number, number]>();
    supervise(() => ({ child: spawnIdle(), ready: new Promise(() => undefined) }), {
      readyLimitMs: 60_000,
      slowAfterMs: 10,
      events: { onSlowStart: (...times) => markSlow(times) },
    });
    expect(await slow).toEqual([10, 60_000]);
  });
});
