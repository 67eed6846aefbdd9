import { hostname } from 'node:os';
import { createLogger } from '@touchstone/shared/observe/logger';
import { logJobEvents } from '@touchstone/shared/observe/job-logging';
import { logRedisErrors } from '@touchstone/shared/observe/log-redis-errors';
import { createProcessMetrics } from '@touchstone/shared/observe/process-metrics';
import { openProcessServer } from '@touchstone/shared/observe/process-server';
import type { Service } from '@touchstone/shared/process/run-service';
import { queueOfSlot } from '@touchstone/shared/queue/catalog';
import { openDetectionJobs } from '@touchstone/shared/queue/detection-jobs';
import { openHeartbeat } from '@touchstone/shared/queue/heartbeats';
import { openJobWorker } from '@touchstone/shared/queue/job-worker';
import { publishPendingCounts } from '@touchstone/shared/queue/pending-counts';
import { closeRedis, CONSUMER_OPTIONS, FAIL_FAST_OPTIONS, openRedis } from '@touchstone/shared/queue/redis-connection';
import { openStalledChecks } from '@touchstone/shared/queue/stalled-checks';
import { signalVerdict } from '@touchstone/shared/queue/verdict-signal';
import { settlesWithin } from '@touchstone/shared/process/settle-within';
import { openObjectStore } from '@touchstone/shared/storage/open-object-store';
import { createDeliveryLog } from '@touchstone/shared/webhooks/delivery-log';
import { loadCalibration } from '@touchstone/fusion/load-calibration';
import { unfittedDetectors } from '@touchstone/fusion/offered-points';
import type { RevisionRef } from '@touchstone/shared/storage/keys';
import { createAggregatorMetrics } from './adapters/aggregator-metrics.ts';
import { createDetectionRecords } from './adapters/detection-records.ts';
import { createLeaderLock } from './adapters/leader-lock.ts';
import { createRememberingLog } from './adapters/remembering-log.ts';
import { startSweeping } from './adapters/sweep-timer.ts';
import type { Config } from './config.ts';
import { createRests } from './core/rests.ts';
import { finaliseDetection } from './finalise-detection.ts';
import { openDelivery } from './open-delivery.ts';
import { openHousekeeping } from './open-housekeeping.ts';
import { createSweeper, SWEEP_CLOCKS, type SweepClocks, type SweepReport } from './sweep-pending.ts';
import { createUndeliveredSweeper, type UndeliveredReport } from './sweep-undelivered.ts';

const REDIS_LIMIT_MS = 2_000;
const DELIVERY_CLOSE_LIMIT_MS = 1_000;

/** Merges partials into verdicts and keeps the promise that none is forgotten. */
export async function startService(config: Config, clocks: Partial<SweepClocks> = {}): Promise<Service> {
  const logger = createLogger('aggregator', config.logLevel);
  const { registry, jobFailures } = createProcessMetrics('aggregator');
  const metrics = createAggregatorMetrics(registry);
  const calibration = await loadCalibration(config.calibrationPath);
  /** Weights that were complained about: one line for each is enough. */
  const complainedOf = new Set<string>();
  const store = await openObjectStore(config.store);
  const onRedisError = logRedisErrors(logger);
  const consumer = openRedis(config.redisUrl, CONSUMER_OPTIONS, onRedisError);
  const quick = openRedis(config.redisUrl, FAIL_FAST_OPTIONS, onRedisError);
  const jobs = openDetectionJobs(quick, config.queuePrefix, onRedisError);
  const records = createDetectionRecords(store);
  const log = createRememberingLog(createDeliveryLog(store));
  const delivery = await openDelivery(config, { store, records, log, registry, logger });

  /** Whether Redis did it in time. Without a connection BullMQ would wait for one. */
  const tryInRedis = async (work: () => Promise<unknown>): Promise<boolean> =>
    quick.status === 'ready' && (await settlesWithin(REDIS_LIMIT_MS, work()));

  const finalise = async (ref: RevisionRef, expired: boolean): Promise<void> => {
    const finalised = await finaliseDetection(
      {
        records,
        calibration,
        announce: ({ tenant, id }) =>
          signalVerdict(quick, config.queuePrefix, tenant, id).catch(() => {
            logger.debug({ detectionId: id }, 'verdict stored but not announced');
          }),
        async enqueueDelivery({ tenant, id, revision }) {
          // The marker is the promise, and the sweeper keeps it.
          const isAdded = await tryInRedis(() => jobs.addDelivery({ tenant, id, revision, cause: 'verdict' }));
          if (!isAdded) logger.debug({ detectionId: id }, 'webhook owed but not enqueued');
        },
        async dropDeadline(ended) {
          await tryInRedis(() => jobs.dropFinalise(ended));
        },
        nowMs: Date.now,
      },
      ref,
      { expired },
    );
    // The merge and the end of the grace may both come to it: one of them counts.
    if (finalised === null || !finalised.isNew) return;
    const { verdict } = finalised;
    const answered = verdict.detectors.filter(({ status }) => status === 'completed');
    for (const other of calibration === null ? [] : unfittedDetectors(calibration.artefact, answered)) {
      if (complainedOf.has(other.weights_sha256)) continue;
      complainedOf.add(other.weights_sha256);
      logger.warn({ ...other, calibration: calibration?.artefact.id }, 'not calibrated: fitted for other weights');
    }
    metrics.verdicts.inc({ verdict: verdict.verdict });
    logger.info({ detectionId: ref.id, revision: ref.revision, verdict: verdict.verdict }, 'verdict stored');
  };

  const workerOptions = {
    connection: consumer,
    prefix: config.queuePrefix,
    concurrency: config.mergeConcurrency,
    events: logJobEvents(logger, jobFailures),
  };
  const workers = (['merge-verdict', 'finalise-detection'] as const).map((name) =>
    openJobWorker(name, workerOptions, async (payload) => {
      await finalise(payload, false);
      return {};
    }),
  );
  const deliverer = openJobWorker(
    'deliver-webhook',
    { ...workerOptions, concurrency: config.deliveryConcurrency },
    async (payload) => {
      await delivery.deliver(payload);
      return {};
    },
  );
  // Of the queues whose workers run elsewhere, often as the only one of their kind.
  const stalledChecks = openStalledChecks(Object.values(queueOfSlot), workerOptions);
  const publishCounts = async ({ sinceMs, byTenant }: NonNullable<SweepReport['counts']>) => {
    const counts = { since_ms: sinceMs, by_tenant: Object.fromEntries(byTenant) };
    await publishPendingCounts(quick, config.queuePrefix, counts).catch(() => {
      logger.debug({}, 'counts of pending detections not published');
    });
  };
  const sweepClocks = { ...SWEEP_CLOCKS, llmGraceMs: config.llmGraceMs, ...clocks };
  // Redis may come back with less than it was told: nothing that it was told before may rest then.
  const rests = createRests(() => performance.now());
  quick.on('ready', () => rests.clear());
  const sweepPending = createSweeper({
    store,
    records,
    jobs,
    finalise,
    onAction: (action) => metrics.sweeps.inc({ action }),
    logger,
    clocks: sweepClocks,
    rests,
    nowMs: Date.now,
    uptimeMs: () => performance.now(),
  });
  const sweepUndelivered = createUndeliveredSweeper({
    store,
    records,
    log,
    jobs,
    onRequeued: () => metrics.requeued.inc(),
    logger,
    clocks: sweepClocks,
    rests,
    nowMs: Date.now,
  });
  const sweeping = startSweeping<SweepReport & { webhooks: UndeliveredReport }>({
    sweep: async (mayGoOn) => ({ ...(await sweepPending(mayGoOn)), webhooks: await sweepUndelivered(mayGoOn) }),
    lock: createLeaderLock(quick, `${config.queuePrefix}:sweeper`, config.sweepIntervalMs + 3_000),
    intervalMs: config.sweepIntervalMs,
    onReport(report) {
      // Who does not sweep knows nothing: an old value must not keep an alarm up.
      metrics.pending.set(report?.pending ?? 0);
      metrics.oldestPending.set((report?.oldestAgeMs ?? 0) / 1_000);
      metrics.undelivered.set(report?.webhooks.undelivered ?? 0);
      metrics.oldestUndelivered.set((report?.webhooks.oldestAgeMs ?? 0) / 1_000);
      if (report?.counts) void publishCounts(report.counts);
    },
    logger,
  });
  const housekeeping = openHousekeeping(config, {
    store,
    redis: quick,
    jobs,
    registry,
    logger,
    minAgeMs: sweepClocks.minAgeMs,
  });
  const processServer = await openProcessServer({
    port: config.metricsPort,
    host: config.metricsHost,
    registry,
    isReady: async () => consumer.status === 'ready',
  });
  const startedAt = new Date().toISOString();
  const heartbeat = openHeartbeat(quick, config.queuePrefix, () => ({
    role: 'aggregator',
    instance: `${hostname()}-${process.pid}`,
    pid: process.pid,
    started_at: startedAt,
    detectors: [],
    metrics_url: processServer.url,
  }));
  for (const worker of [...workers, deliverer]) worker.start();
  logger.info({ calibration: calibration?.artefact.id ?? null }, 'aggregator is ready');

  return {
    addresses: { metrics: processServer.url },
    async close() {
      await Promise.all([sweeping.close(), housekeeping.close()]);
      await Promise.all([stalledChecks, ...workers, deliverer].map((part) => part.close()));
      await settlesWithin(DELIVERY_CLOSE_LIMIT_MS, delivery.close());
      await heartbeat.close();
      await processServer.close();
      await jobs.close();
      await Promise.all([closeRedis(quick), closeRedis(consumer)]);
      await store.close();
      logger.info('aggregator has stopped');
    },
  };
}
