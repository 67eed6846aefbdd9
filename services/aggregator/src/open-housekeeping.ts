import type { Redis } from 'ioredis';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { Logger } from '@touchstone/shared/observe/logger';
import type { DetectionJobs } from '@touchstone/shared/queue/detection-jobs';
import { createForgetDetection } from '@touchstone/shared/queue/forget-detection';
import type { ObjectStore } from '@touchstone/shared/storage/object-store';
import { createLeaderLock } from './adapters/leader-lock.ts';
import { startSweeping } from './adapters/sweep-timer.ts';
import type { Config } from './config.ts';
import { createErasureFinisher } from './finish-erasures.ts';
import { createExpirySweeper } from './sweep-expired.ts';

/** A round may take a while between two renewals of its lock. */
const LOCK_MS = 30_000;

export type Housekeeping = { close(): Promise<void> };

/** What must go goes: erasures that were cut short, every few seconds, and what is older than it is to be kept. */
export function openHousekeeping(
  config: Pick<Config, 'queuePrefix' | 'sweepIntervalMs' | 'retention' | 'retentionIntervalMs'>,
  deps: {
    store: ObjectStore;
    redis: Redis;
    jobs: DetectionJobs;
    registry: Registry;
    logger: Logger;
    /** Markers of erasures that are younger are left to their gateways. */
    minAgeMs: number;
  },
): Housekeeping {
  const { store, redis, jobs, registry, logger, minAgeMs } = deps;
  const removed = new Counter({
    name: 'touchstone_expired_removed_total',
    help: 'What was removed because it was kept long enough, by kind.',
    labelNames: ['kind'] as const,
    registers: [registry],
  });
  const unfinished = new Gauge({
    name: 'touchstone_unfinished_erasures',
    help: 'Erasures that the last look of this process found cut short.',
    registers: [registry],
  });
  const forget = createForgetDetection(redis, config.queuePrefix, jobs);
  const erasures = startSweeping({
    sweep: createErasureFinisher({ store, forget, nowMs: Date.now, minAgeMs, logger }),
    lock: createLeaderLock(redis, `${config.queuePrefix}:eraser`, LOCK_MS),
    intervalMs: config.sweepIntervalMs,
    onReport: (found) => unfinished.set(found ?? 0),
    logger,
  });
  const expiry = startSweeping({
    sweep: createExpirySweeper({
      store,
      retention: config.retention,
      onRemoved: (kind) => removed.inc({ kind }),
      nowMs: Date.now,
      uptimeMs: () => performance.now(),
    }),
    lock: createLeaderLock(redis, `${config.queuePrefix}:retention`, LOCK_MS),
    intervalMs: config.retentionIntervalMs,
    onReport: () => undefined,
    logger,
  });
  return {
    async close() {
      await Promise.all([erasures.close(), expiry.close()]);
    },
  };
}
