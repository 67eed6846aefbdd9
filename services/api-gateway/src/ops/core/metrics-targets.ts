import type { Heartbeat } from '@touchstone/shared/contracts/heartbeat';

/** What `run.json` says of a process that a supervisor keeps on this machine. */
export type LocalProcess = { role: string; pid: number | null; metricsUrl: string | null };

/** A process whose metrics belong into the merged answer; `url` is null when it is known to be down. */
export type MetricsTarget = { role: string; instance: string; url: string | null };

/** Name of a process in logs, heartbeats and metrics. */
export const instanceOf = (hostname: string, pid: number) => `${hostname}-${pid}`;

/**
 * Every process once, from what the supervisor of this machine knows and from the heartbeats. A loopback address in a
 * heartbeat of another machine would lead to the wrong process, so it does not count.
 */
export function listTargets(
  locals: readonly LocalProcess[],
  beats: readonly Heartbeat[],
  hostname: string,
): MetricsTarget[] {
  const targets = new Map<string, MetricsTarget>();
  for (const { role, pid, metricsUrl } of locals) {
    // Without a pid there is no process: its supervisor is about to start it again.
    const instance = pid === null ? 'down' : instanceOf(hostname, pid);
    if (pid === null) targets.set(`${role} ${instance}`, { role, instance, url: null });
    else if (metricsUrl !== null) targets.set(`${role} ${instance}`, { role, instance, url: metricsUrl });
  }
  for (const { role, instance, pid, metrics_url: url } of beats) {
    if (url === undefined || targets.has(`${role} ${instance}`)) continue;
    if (isLoopbackUrl(url) && instance !== instanceOf(hostname, pid)) continue;
    targets.set(`${role} ${instance}`, { role, instance, url });
  }
  return [...targets.values()];
}

const isLoopbackUrl = (url: string) => /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(new URL(url).hostname);
