import { runLoadUnderKills } from '../load/run-load-under-kills.ts';
import type { Scenario } from '../scenario.ts';

/** Workers die at any moment, while the receiver and the language model have bad days. */
export const workerKills: Scenario = {
  id: 'C1',
  title: 'workers killed',
  peerFaults: 'kills',
  async run(run) {
    const system = await run.usualSystem();
    return runLoadUnderKills(system, system.rolesOf('gpu-worker', 'aggregator', 'llm-worker'), run);
  },
};
