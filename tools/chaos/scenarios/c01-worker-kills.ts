import { killRoles, windowForKillsMs } from '../faults/kill-roles.ts';
import { runLoad } from '../load/run-load.ts';
import type { Scenario } from '../scenario.ts';
import { uptimesOf } from '../system/uptimes.ts';

/** Workers die at any moment, while the receiver and the language model have bad days. */
export const workerKills: Scenario = {
  id: 'C1',
  title: 'workers killed',
  peerFaults: 'kills',
  async run(run) {
    const system = await run.usualSystem();
    const workers = system.rolesOf('gpu-worker', 'aggregator', 'llm-worker');
    const load = await runLoad(system, {
      jobs: run.jobs,
      windowMs: windowForKillsMs(workers, run.windowMsOf(run.jobs)),
      seed: run.seed,
      async faults({ windowOver, note }) {
        note('kills', await killRoles(workers, { seed: run.seed, until: windowOver }));
      },
    });
    return { load, facts: { ...load.notes, llm: load.llm, ...uptimesOf(workers) } };
  },
};
