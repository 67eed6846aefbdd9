import { hostname } from 'node:os';
import type { CnnSlot } from '@touchstone/shared/contracts/vocabulary';
import { createLogger, type Logger } from '@touchstone/shared/observe/logger';
import { logJobEvents } from '@touchstone/shared/observe/job-logging';
import { logRedisErrors } from '@touchstone/shared/observe/log-redis-errors';
import { createProcessMetrics } from '@touchstone/shared/observe/process-metrics';
import { openProcessServer } from '@touchstone/shared/observe/process-server';
import type { Service } from '@touchstone/shared/process/run-service';
import { queueOfSlot } from '@touchstone/shared/queue/catalog';
import { openDetectionJobs } from '@touchstone/shared/queue/detection-jobs';
import { openHeartbeat } from '@touchstone/shared/queue/heartbeats';
import { openJobWorker } from '@touchstone/shared/queue/job-worker';
import { closeRedis, CONSUMER_OPTIONS, FAIL_FAST_OPTIONS, openRedis } from '@touchstone/shared/queue/redis-connection';
import { openObjectStore } from '@touchstone/shared/storage/open-object-store';
import { createDetectionObjects } from './adapters/detection-objects.ts';
import { createDetectorMetrics } from './adapters/detector-metrics.ts';
import { describeDetector } from './adapters/load-slots.ts';
import { openDetectors, type Detectors } from './adapters/open-detectors.ts';
import { openPreparedImageCache } from './adapters/prepared-image-cache.ts';
import { watchEventLoop } from './adapters/watch-event-loop.ts';
import type { Config } from './config.ts';
import { createBatchQueue } from './core/batch-queue.ts';
import type { ImagePreparer } from './core/prepared-image.ts';
import { createDetectImage } from './detect-image.ts';
import { openInferenceDevice } from './inference/open-inference-device.ts';
import { openPreparerPool } from './preparer/preparer-pool.ts';

/** Parts that tests and benchmarks replace. */
export type ServiceDeps = {
  openPreparer: (options: Parameters<typeof openPreparerPool>[0]) => Promise<ImagePreparer>;
  openStore: typeof openObjectStore;
  openDevice: typeof openInferenceDevice;
  /** Ends the process, not in order, after a failure that only a new one can mend. */
  endProcess: () => void;
};

const REAL_DEPS: ServiceDeps = {
  openPreparer: openPreparerPool,
  openStore: openObjectStore,
  openDevice: openInferenceDevice,
  // `process.exit` waits for threads, for ever when one hangs in a native call (measured); a signal does not.
  endProcess: () => process.kill(process.pid, 'SIGKILL'),
};

/** Why these: contract.md section 4. */
const PREPARER_LIMITS = { timeoutMs: 10_000, maxGrowthBytes: 400 * 2 ** 20, recycleAfter: 1_000 };
const IMAGE_CACHE_LIMITS = { maxAgeMs: 60_000, maxBytes: 64 * 2 ** 20 };
const CRASH_CLOSE_LIMIT_MS = 10_000;

type Closable = { close(): Promise<void> | void };

/** Turns pixels into scores: takes detector jobs and stores one partial for each. */
export async function startService(config: Config, replaced: Partial<ServiceDeps> = {}): Promise<Service> {
  const deps = { ...REAL_DEPS, ...replaced };
  const logger = createLogger('gpu-worker', config.logLevel);
  /** What is open, last opened first: the order of closing. */
  const open: Closable[] = [];
  const keep = <T extends Closable>(part: T): T => {
    open.unshift(part);
    return part;
  };
  let closing: Promise<void> | undefined;
  const closeAll = () =>
    (closing ??= (async () => {
      for (const part of open) await part.close();
    })());
  /** Without its inference thread the process is of no use: it ends, and its supervisor starts another. */
  let hasCrashed = false;
  const onCrash = (error: Error) => {
    hasCrashed = true;
    logger.fatal({ err: error }, 'the inference thread is gone: this process ends');
    const limit = setTimeout(deps.endProcess, CRASH_CLOSE_LIMIT_MS);
    void closeAll()
      .catch(() => undefined)
      .then(() => {
        clearTimeout(limit);
        deps.endProcess();
      });
  };

  try {
    return await start();
  } catch (error) {
    await closeAll();
    throw error;
  }

  async function start(): Promise<Service> {
    const { registry, jobFailures } = createProcessMetrics('gpu-worker');
    const metrics = createDetectorMetrics(registry);
    const store = keep(await deps.openStore(config.store));
    const onRedisError = logRedisErrors(logger);
    const consumer = openRedis(config.redisUrl, CONSUMER_OPTIONS, onRedisError);
    keep({ close: () => closeRedis(consumer) });
    const quick = openRedis(config.redisUrl, FAIL_FAST_OPTIONS, onRedisError);
    keep({ close: () => closeRedis(quick) });
    const jobs = keep(openDetectionJobs(quick, config.queuePrefix, onRedisError));

    const detectors = keep(
      await openDetectors(config, {
        openPreparer: (plans) =>
          deps.openPreparer({ plans, size: config.preparerProcesses, ...PREPARER_LIMITS, logger }),
        openDevice: deps.openDevice,
        onCrash,
        logger,
      }),
    );
    const describeAll = () => [...detectors.slots.values()].map(describeDetector);
    const images =
      detectors.preparer === null ? null : keep(openPreparedImageCache(detectors.preparer, IMAGE_CACHE_LIMITS));

    const startedAt = new Date().toISOString();
    const processServer = keep(
      await openProcessServer({
        port: config.metricsPort,
        host: config.metricsHost,
        registry,
        isReady: async () => !hasCrashed && consumer.status === 'ready',
      }),
    );
    keep(
      openHeartbeat(quick, config.queuePrefix, () => ({
        role: 'gpu-worker',
        instance: `${hostname()}-${process.pid}`,
        pid: process.pid,
        started_at: startedAt,
        detectors: describeAll(),
        metrics_url: processServer.url,
      })),
    );
    keep(watchEventLoop(logger));

    const detectImage = createDetectImage({
      detectors: detectors.slots,
      objects: createDetectionObjects(store),
      images,
      queue: createBatchQueue({
        run: detectors.run,
        maxBatch: config.maxBatch,
        nowMs: () => performance.now(),
        onBatch: metrics.countBatch,
      }),
      addFinalise: (payload) => jobs.addFinalise(payload, config.llmGraceMs),
      metrics,
      logger,
      nowMs: Date.now,
    });
    const workerOptions = {
      connection: consumer,
      prefix: config.queuePrefix,
      concurrency: config.jobsAtOnce,
      events: logJobEvents(logger, jobFailures),
    };
    const workers = slotsThatTakeJobs(detectors.slots, logger).map((slot) =>
      openJobWorker(queueOfSlot[slot], workerOptions, async (payload, context) => {
        await detectImage(slot, payload, context);
        return {};
      }),
    );
    keep({ close: async () => void (await Promise.all(workers.map((worker) => worker.close()))) });
    if (hasCrashed) throw new Error('the inference thread ended while the service started');
    for (const worker of workers) worker.start();
    logger.info({ detectors: describeAll() }, 'gpu-worker is ready');

    return {
      addresses: { metrics: processServer.url },
      async close() {
        await closeAll();
        logger.info('gpu-worker has stopped');
      },
    };
  }
}

/**
 * A worker "refuses jobs when they do not match" its golden vectors (DESIGN.md section 6), and so for every bundle that
 * it cannot vouch for: the jobs of such a slot wait, as another worker may have a sound one.
 */
function slotsThatTakeJobs(detectors: Detectors['slots'], logger: Logger): CnnSlot[] {
  return [...detectors.values()].flatMap((detector) => {
    if (detector.state === 'ready' || detector.answers) return [detector.slot];
    logger.error({ slot: detector.slot }, `the slot ${detector.slot} takes no jobs: ${detector.detail}`);
    return [];
  });
}
