import { setTimeout as delay } from 'node:timers/promises';
import { createSeededRandom } from '../../bench/seeded-random.ts';
import type { KeptRole } from '../system/kept-role.ts';
import { createKillPlan } from './kill-plan.ts';

/** What a role that can be killed shows of itself. */
export type Killable = Pick<KeptRole, 'name' | 'untilReady' | 'meanStartupMs' | 'kill'>;

/** Kills these roles, each at its own pace, until `until` aborts. Resolves with the number of kills. */
export async function killRoles(
  roles: readonly Killable[],
  options: {
    seed: number;
    until: AbortSignal;
    startupMsOf?: (role: Killable) => number;
    onKill?: () => void;
  },
): Promise<number> {
  const { until } = options;
  let kills = 0;
  const killOne = async (role: Killable, index: number) => {
    const plan = createKillPlan(createSeededRandom(options.seed * 31 + index));
    while (!until.aborted) {
      await role.untilReady();
      const startupMs = options.startupMsOf?.(role) ?? role.meanStartupMs();
      await delay(plan.nextUptimeMs(startupMs), undefined, { signal: until }).catch(() => undefined);
      if (until.aborted || !role.kill()) continue;
      kills++;
      options.onKill?.();
    }
  };
  await Promise.all(roles.map(killOne));
  return kills;
}
