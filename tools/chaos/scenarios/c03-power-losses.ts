import { losePower, spread } from '../faults/redis-faults.ts';
import { runLoad } from '../load/run-load.ts';
import type { Scenario } from '../scenario.ts';

const POWER_LOSSES = 3;

/** Redis loses its power, and with it what it had acknowledged but not synced. */
export const powerLosses: Scenario = {
  id: 'C3',
  title: `${POWER_LOSSES} power losses of Redis`,
  peerFaults: 'power-losses',
  async run(run) {
    const system = await run.usualSystem();
    const load = await runLoad(system, {
      jobs: run.jobs,
      windowMs: run.windowMsOf(run.jobs),
      seed: run.seed,
      faults: (context) => spread(context, POWER_LOSSES, () => losePower(system.redis, context)),
    });
    return { load, facts: { ...load.notes, llm: load.llm }, limits: { drainMs: 25_000 } };
  },
};
