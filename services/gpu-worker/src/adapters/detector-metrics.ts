import { Counter, Histogram, type Registry } from 'prom-client';
import type { Partial as DetectorPartial } from '@touchstone/shared/contracts/partial';

export type DetectorMetrics = {
  /** A partial that was stored, and how long the store took for it. */
  countPartial: (partial: DetectorPartial, publishMs: number) => void;
  countBatch: (slot: string, size: number, elapsedMs: number) => void;
};

/** Metrics of the detectors; the main thread's delay is among the metrics that every process has. */
export function createDetectorMetrics(registry: Registry): DetectorMetrics {
  const partials = new Counter({
    name: 'touchstone_partials_total',
    help: 'Answers of detectors that were stored, by what they say.',
    labelNames: ['slot', 'status', 'reason'] as const,
    registers: [registry],
  });
  const stages = new Histogram({
    name: 'touchstone_detector_stage_seconds',
    help: 'Where the time of an answer went. Slots of one image share get and prepare, and each counts them.',
    labelNames: ['slot', 'stage'] as const,
    buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1_000],
    registers: [registry],
  });
  const batches = new Histogram({
    name: 'touchstone_batch_size',
    help: 'Regions per run on the device.',
    labelNames: ['slot'] as const,
    buckets: [1, 2, 4, 8, 16, 32, 64],
    registers: [registry],
  });
  const busy = new Counter({
    name: 'touchstone_device_busy_seconds_total',
    help: 'Time in which the device was at work.',
    labelNames: ['slot'] as const,
    registers: [registry],
  });
  return {
    countPartial({ slot, status, reason, timings_ms: timings }, publishMs) {
      partials.inc({ slot, status, reason: reason ?? 'none' });
      for (const [stage, ms] of Object.entries(timings ?? {})) stages.observe({ slot, stage }, ms / 1_000);
      stages.observe({ slot, stage: 'publish' }, publishMs / 1_000);
    },
    countBatch(slot, size, elapsedMs) {
      batches.observe({ slot }, size);
      busy.inc({ slot }, elapsedMs / 1_000);
    },
  };
}
