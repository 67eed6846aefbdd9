/** Uptimes are drawn around this multiple of the measured start-up; contract.md section 7 wants a mean of at least 5. */
export const MEAN_UPTIME_OF_STARTUP = 5.5;
const SPREAD = 0.4;

/**
 * How long a role runs, from the moment that it is ready, until it is killed: seeded, and long enough that it does more
 * than start. The first time it has been running for a while already, so what is left is any share of an uptime: else
 * nothing would die in a short run, or all at its end.
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

/** Kills that this pace leaves room for, for roles with these start-ups. */
export function killsWithin(windowMs: number, startupsMs: readonly number[]): number {
  return startupsMs.reduce((sum, startupMs) => sum + windowMs / (startupMs * (1 + MEAN_UPTIME_OF_STARTUP)), 0);
}
