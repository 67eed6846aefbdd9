import { hostname } from 'node:os';
import type { Registry } from 'prom-client';
import type { Heartbeat } from '@touchstone/shared/contracts/heartbeat';
import type { Logger } from '@touchstone/shared/observe/logger';
import { asError } from '@touchstone/shared/process/error-code';
import { settleWithin } from '@touchstone/shared/process/settle-within';
import type { QueueMeasure } from '@touchstone/shared/queue/board-queues';
import { describeSystem, type DiskSpace } from './core/describe-system.ts';
import { addLabels, formatExposition, mergeFamilies, parseExposition, type Family } from './core/exposition.ts';
import { instanceOf, listTargets, type LocalProcess, type MetricsTarget } from './core/metrics-targets.ts';

export type CollectDeps = {
  /** Of this process. */
  registry: Registry;
  readLocalProcesses(): Promise<LocalProcess[]>;
  readHeartbeats(nowMs: number): Promise<Heartbeat[]>;
  measureQueues(nowMs: number): Promise<QueueMeasure[]>;
  readDiskSpace(): Promise<DiskSpace>;
  scrape(baseUrl: string, limitMs: number): Promise<Family[]>;
  logger: Logger;
};

/** The answer takes a second at most, whatever hangs: a scrape of Prometheus must not fail because of one process. */
const ANSWER_LIMIT_MS = 800;
const LOOK_LIMIT_MS = 300;

/** The metrics of all processes, and of what they share, as one exposition. Calls at the same time share one look. */
export function createMetricsCollector(deps: CollectDeps): () => Promise<string> {
  const own = instanceOf(hostname(), process.pid);
  let running: Promise<string> | null = null;
  return () =>
    (running ??= collect().finally(() => {
      running = null;
    }));

  async function collect(): Promise<string> {
    const endsMs = performance.now() + ANSWER_LIMIT_MS;
    const nowMs = Date.now();
    const [locals, beats, queues, disk] = await Promise.all([
      settleWithin(LOOK_LIMIT_MS, deps.readLocalProcesses(), []),
      settleWithin(LOOK_LIMIT_MS, deps.readHeartbeats(nowMs), null),
      settleWithin(LOOK_LIMIT_MS, deps.measureQueues(nowMs), null),
      settleWithin(LOOK_LIMIT_MS, deps.readDiskSpace(), null),
    ]);
    const targets = listTargets(locals, beats ?? [], hostname()).filter(({ instance }) => instance !== own);
    const scraped = await Promise.all(targets.map((target) => scrape(target, endsMs - performance.now())));
    const processes = [
      { role: 'operators', instance: own, families: parseExposition(await deps.registry.metrics()) },
      ...targets.map(({ role, instance }, i) => ({ role, instance, families: scraped[i]! })),
    ];
    const system = describeSystem({
      processes: processes.map(({ role, instance, families }) => ({ role, instance, isUp: families !== null })),
      beats,
      queues,
      disk,
    });
    const groups = processes.map(({ role, instance, families }) =>
      addLabels(families ?? [], { service: role, instance }),
    );
    return formatExposition(mergeFamilies([system, ...groups]));
  }

  /** Null when the process is down or says nothing that can be read. */
  async function scrape({ role, instance, url }: MetricsTarget, limitMs: number): Promise<Family[] | null> {
    if (url === null) return null;
    try {
      return await deps.scrape(url, limitMs);
    } catch (error) {
      deps.logger.debug({ role, instance, reason: asError(error).message }, 'a process gave no metrics');
      return null;
    }
  }
}
