import { flushAll, spread } from '../faults/redis-faults.ts';
import { runLoad } from '../load/run-load.ts';
import type { Scenario } from '../scenario.ts';

/** Redis forgets everything while it is busy. */
export const flush: Scenario = {
  id: 'C4',
  title: 'FLUSHALL',
  peerFaults: 'flush',
  async run(run) {
    const system = await run.usualSystem();
    const load = await runLoad(system, {
      jobs: run.jobs,
      windowMs: run.windowMsOf(run.jobs),
      seed: run.seed,
      faults: (context) => spread(context, 1, () => flushAll(system.redis, context)),
    });
    return { load, facts: { ...load.notes, llm: load.llm }, limits: { drainMs: 25_000 } };
  },
};
