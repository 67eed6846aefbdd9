import { setTimeout as delay } from 'node:timers/promises';
import { runLoad } from '../load/run-load.ts';
import type { Scenario } from '../scenario.ts';

/** What a container gets between SIGTERM and SIGKILL. */
const GRACE_MS = 25_000;
const ALIVE_LIMIT_MS = 30_000;

/** A deploy in the middle of everything: SIGTERM to all, their grace, and all anew. */
export const deploy: Scenario = {
  id: 'C14',
  title: 'deploy under load',
  async run(run) {
    const system = await run.usualSystem();
    let slowestStopMs = 0;
    const load = await runLoad(system, {
      jobs: run.jobs,
      windowMs: run.windowMsOf(run.jobs),
      seed: run.seed,
      async faults({ windowMs, note }) {
        await delay(windowMs / 2);
        await Promise.all(
          system.roles.map(async (role) => {
            const startMs = performance.now();
            const isOrderly = await role.stop(GRACE_MS);
            slowestStopMs = Math.max(slowestStopMs, Math.round(performance.now() - startMs));
            note('killed', isOrderly ? 0 : 1);
            role.start();
          }),
        );
      },
    });
    return {
      load,
      facts: { ...load.notes, slowest_stop_ms: slowestStopMs, llm: load.llm },
      limits: { duplicateShare: 0.01, duplicates: 0 },
      misses: slowestStopMs <= ALIVE_LIMIT_MS ? [] : [`a process was alive ${slowestStopMs} ms after SIGTERM`],
    };
  },
};
