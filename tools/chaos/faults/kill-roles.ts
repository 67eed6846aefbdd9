import { setTimeout as delay } from 'node:timers/promises';
import { createSeededRandom } from '@touchstone/fusion/seeded-random';
import type { KeptRole } from '../system/kept-role.ts';
import { createKillPlan, kindnessMs, LEAST_UPTIME_OF_STARTUP } from './kill-plan.ts';

export type KillOptions = {
  seed: number;
  until: AbortSignal;
  /** Of another system, whose pace is kept; without it each role has its own, and no mean uptime falls short of it. */
  startupMs?: number;
  onKill?: () => void;
};

/** Kills these roles, each at its own pace, until `until` aborts. Resolves with the number of kills. */
export async function killRoles(roles: readonly KeptRole[], options: KillOptions): Promise<number> {
  const { seed, until, startupMs } = options;
  const wait = (ms: number) => delay(ms, undefined, { signal: until }).catch(() => undefined);
  let kills = 0;
  const killOne = async (role: KeptRole, index: number) => {
    const plan = createKillPlan(createSeededRandom(seed * 31 + index));
    while (!until.aborted) {
      await role.untilReady();
      await wait(plan.nextUptimeMs(startupMs ?? role.meanStartupMs()));
      if (startupMs === undefined) await wait(kindnessMs(role.uptime(), role.meanStartupMs()));
      if (until.aborted || !role.kill()) continue;
      kills++;
      options.onKill?.();
    }
  };
  await Promise.all(roles.map(killOne));
  return kills;
}

/** A window in which each of these roles may die at least once. */
export const windowForKillsMs = (roles: readonly KeptRole[], windowMs: number): number =>
  Math.max(windowMs, ...roles.map((role) => 1.4 * LEAST_UPTIME_OF_STARTUP * role.meanStartupMs()));
