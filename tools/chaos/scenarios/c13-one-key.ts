import { runLoad } from '../load/run-load.ts';
import type { Scenario } from '../scenario.ts';

const COPIES = 50;

/** The same submission fifty times at once under one Idempotency-Key: one detection, one verdict, one message. */
export const oneKey: Scenario = {
  id: 'C13',
  title: `one key ${COPIES} times at once`,
  async run(run) {
    const system = await run.usualSystem();
    const jobs = Math.max(2, Math.round(run.jobs / COPIES));
    const load = await runLoad(system, {
      jobs,
      windowMs: 1_000 * jobs,
      seed: run.seed,
      copies: COPIES,
      faults: async () => undefined,
    });
    const otherIds = load.notes['other_ids'] ?? 0;
    const replays = load.attempts.filter(({ isReplay }) => isReplay).length;
    return {
      load,
      jobs,
      facts: { attempts: load.attempts.length, replays },
      limits: { duplicateShare: 0, duplicates: 0 },
      misses: otherIds === 0 ? [] : [`${otherIds} detections too many`],
    };
  },
};
