/** A role that is killed more often would do little but start; contract.md section 7. */
export const LEAST_UPTIME_OF_STARTUP = 5;
/** Uptimes are drawn around this multiple of the measured start-up. */
const MEAN_UPTIME_OF_STARTUP = 5.5;
const SPREAD = 0.4;

/**
 * How long a role runs, from the moment that it is ready, until it is killed: seeded. The first time it has been running
 * for a while already, so what is left is any share of an uptime: else all roles would die at the end of a short run.
 */
export function createKillPlan(random: () => number) {
  let isFirst = true;
  return {
    nextUptimeMs(startupMs: number): number {
      const draw = random();
      const share = isFirst ? draw : 1 - SPREAD + 2 * SPREAD * draw;
      isFirst = false;
      return startupMs * MEAN_UPTIME_OF_STARTUP * share;
    },
  };
}

/** How long a kill has to wait, so that the mean uptime of the role stays what it must be; 0: it may come now. */
export function kindnessMs(uptime: { lives: number; readyMs: number }, startupMs: number): number {
  return Math.max(0, uptime.lives * LEAST_UPTIME_OF_STARTUP * startupMs - uptime.readyMs);
}

/** Kills that this pace leaves room for, for roles with these start-ups. */
export function killsWithin(windowMs: number, startupsMs: readonly number[]): number {
  return startupsMs.reduce((sum, startupMs) => sum + windowMs / (startupMs * (1 + MEAN_UPTIME_OF_STARTUP)), 0);
}
