import { killRoles, windowForKillsMs } from '../faults/kill-roles.ts';
import type { ScenarioRun } from '../scenario.ts';
import type { ChaosSystem } from '../system/chaos-system.ts';
import type { KeptRole } from '../system/kept-role.ts';
import { uptimesOf } from '../system/uptimes.ts';
import { runLoad } from './run-load.ts';

/** A load while these roles are killed at any moment, and what it showed of them. */
export async function runLoadUnderKills(
  system: ChaosSystem,
  roles: readonly KeptRole[],
  { jobs, seed, windowMsOf }: Pick<ScenarioRun, 'jobs' | 'seed' | 'windowMsOf'>,
) {
  const load = await runLoad(system, {
    jobs,
    windowMs: windowForKillsMs(roles, windowMsOf(jobs)),
    seed,
    async faults({ windowOver, note }) {
      note('kills', await killRoles(roles, { seed, until: windowOver }));
    },
  });
  return { load, facts: { ...load.notes, llm: load.llm, ...uptimesOf(roles) } };
}
