import type { KeptRole } from './kept-role.ts';

/** Measured start-up and mean uptime of each role: a role that only starts would show nothing. */
export function uptimesOf(roles: readonly KeptRole[]): { uptimes: Record<string, object> } {
  const uptimes = roles.map((role) => {
    const { lives, readyMs } = role.uptime();
    const startupMs = role.meanStartupMs();
    // The last life has not ended, so its time counts and it does not; null: it never died.
    const meanMs = lives > 1 ? readyMs / (lives - 1) : null;
    return [
      role.name,
      {
        lives,
        startup_ms: Math.round(startupMs),
        mean_uptime_ms: meanMs === null ? null : Math.round(meanMs),
        ratio: meanMs === null ? null : Number((meanMs / startupMs).toFixed(1)),
      },
    ] as const;
  });
  return { uptimes: Object.fromEntries(uptimes) };
}
