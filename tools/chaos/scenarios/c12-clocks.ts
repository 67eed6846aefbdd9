import { setTimeout as delay } from 'node:timers/promises';
import { buildPreload } from '../faults/build-preload.ts';
import { judgeEnvironment, openMoodyJudge } from '../faults/moody-judge.ts';
import { runLoad } from '../load/run-load.ts';
import type { Scenario } from '../scenario.ts';

/** Seconds by which the clocks are wrong, in the two halves of the run. */
const SHIFTS = { 'gpu-worker': [3_600, -3_600], aggregator: [-300, 300] } as const;

/** The workers' clocks are wrong by an hour, the aggregator's by five minutes; halfway all are wrong the other way. */
export const clocks: Scenario = {
  id: 'C12',
  title: 'clocks wrong by +-1 h, +-5 min',
  async run(run) {
    const preload = buildPreload('shifted-clock', run.folder);
    if (preload === null)
      return { skipped: 'there is no C compiler (cc) for the clock that is put into the processes' };
    const judge = run.keep(await openMoodyJudge(run.seed));
    let half = 0;
    const system = await run.ownSystem({
      env: judgeEnvironment(judge),
      twist: (role) =>
        role === 'gpu-worker' || role === 'aggregator'
          ? { env: { LD_PRELOAD: preload, CLOCK_SHIFT_SECONDS: String(SHIFTS[role][half]) } }
          : {},
    });
    const jobs = Math.max(10, Math.round(run.jobs / 2));
    const load = await runLoad(system, {
      jobs,
      windowMs: run.windowMsOf(jobs),
      seed: run.seed,
      usesStoreClock: true,
      async faults({ windowMs, note }) {
        await delay(windowMs / 2);
        half = 1;
        for (const role of system.rolesOf('gpu-worker', 'aggregator')) note('kills', role.kill() ? 1 : 0);
      },
    });
    const sent = [...load.receiver.deliveries.values()].flat();
    const ahead = sent.filter(({ timestampMs }) => timestampMs > Date.now() + 60_000).length;
    return { load, jobs, facts: { ...load.notes, signed_ahead: ahead, llm: load.llm } };
  },
};
