import { setTimeout as delay } from 'node:timers/promises';
import { judgeEnvironment, openMoodyJudge } from '../faults/moody-judge.ts';
import { openTcpProxy, type TcpProxy } from '../faults/tcp-proxy.ts';
import { runLoad } from '../load/run-load.ts';
import type { Scenario } from '../scenario.ts';
import { resumedAfterMs } from './resumed-after.ts';

const WINDOW_MS = 12_000;
const BREAKS_AT_MS = 4_000;
/** `socketTimeout` of 15 s, a blocking read of 5 s and the way back (reliability.md section 3). */
const RESUME_LIMIT_MS = 25_000;

/** The workers' connections to Redis go silent without being closed. */
export const halfOpen: Scenario = {
  id: 'C6',
  title: 'half-open connections to Redis',
  async run(run) {
    const judge = run.keep(await openMoodyJudge(run.seed));
    let proxy: TcpProxy | undefined;
    const system = await run.ownSystem({
      env: judgeEnvironment(judge),
      async prepare({ redis }) {
        proxy = run.keep(await openTcpProxy(redis.socketPath));
      },
      twist: (role) => (role === 'gpu-worker' ? { redisUrl: `redis://127.0.0.1:${proxy!.port}` } : {}),
    });
    const jobs = Math.max(10, Math.round(run.jobs / 8));
    let brokenMs = 0;
    const load = await runLoad(system, {
      jobs,
      windowMs: WINDOW_MS,
      seed: run.seed,
      async faults() {
        await delay(BREAKS_AT_MS);
        proxy!.halfOpen();
        brokenMs = Date.now();
      },
    });
    // Only what arrived afterwards needs the worker: others may have had their partials.
    const later = load.traces.filter(({ acceptedMs }) => acceptedMs > brokenMs);
    const resumedMs = resumedAfterMs(later, brokenMs);
    const hasResumed = resumedMs !== null && resumedMs <= RESUME_LIMIT_MS;
    return {
      load,
      jobs,
      facts: { resumed_after_ms: resumedMs, llm: load.llm },
      misses: hasResumed ? [] : [`resumed after ${resumedMs} ms`],
    };
  },
};
