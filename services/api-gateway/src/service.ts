import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { createLogger } from '@touchstone/shared/observe/logger';
import { logRedisErrors } from '@touchstone/shared/observe/log-redis-errors';
import { createProcessMetrics } from '@touchstone/shared/observe/process-metrics';
import { openProcessServer } from '@touchstone/shared/observe/process-server';
import type { Service } from '@touchstone/shared/process/run-service';
import { openDetectionJobs } from '@touchstone/shared/queue/detection-jobs';
import { createForgetDetection } from '@touchstone/shared/queue/forget-detection';
import { queueOfSlot } from '@touchstone/shared/queue/catalog';
import { openHeartbeat, readHeartbeats } from '@touchstone/shared/queue/heartbeats';
import { readPendingCounts } from '@touchstone/shared/queue/pending-counts';
import { readQueueLoads } from '@touchstone/shared/queue/queue-load';
import { closeRedis, CONSUMER_OPTIONS, FAIL_FAST_OPTIONS, openRedis } from '@touchstone/shared/queue/redis-connection';
import { listenForVerdicts } from '@touchstone/shared/queue/verdict-signal';
import { loadSecretKeys } from '@touchstone/shared/secrets/load-secret-keys';
import { isErased } from '@touchstone/shared/storage/erase-detection';
import { openObjectStore } from '@touchstone/shared/storage/open-object-store';
import { loadCalibration } from '@touchstone/fusion/load-calibration';
import { settleWithin } from '@touchstone/shared/process/settle-within';
import type { Acceptance } from './accept-detection.ts';
import { isRepetition } from './accept-once.ts';
import { openApiKeys } from './adapters/api-keys-file.ts';
import { createCapabilityReport } from './adapters/capability-report.ts';
import { createDetectionReader } from './adapters/detection-reader.ts';
import { createFlowProducer } from './adapters/flow-producer.ts';
import { createHealthReporter } from './adapters/health-report.ts';
import { createQueueWait } from './adapters/queue-wait.ts';
import { createRateCounter } from './adapters/rate-counter.ts';
import { openSpool } from './adapters/spool-storage.ts';
import { createStoreProbe } from './adapters/store-probe.ts';
import { createTenantQueue } from './adapters/tenant-queue.ts';
import { createVerdictWaiting } from './await-verdict.ts';
import type { Config } from './config.ts';
import { createDirectUploads } from './direct-uploads.ts';
import { createEraser } from './erase-on-request.ts';
import { createApp } from './http/app.ts';
import { openPublicServer } from './http/public-server.ts';
import { openWebhooks } from './open-webhooks.ts';
import { createRunningDetections } from './running-detections.ts';

const READY_LIMIT_MS = 2_000;
const REDIS_CLOSE_LIMIT_MS = 3_000;
const MAX_JOINABLE = 10_000;

/** Opens the public door. It starts and serves whether Redis is there or not. */
export async function startService(config: Config): Promise<Service> {
  const logger = createLogger('api-gateway', config.logLevel);
  const { registry } = createProcessMetrics('api-gateway');
  const metrics = {
    requests: new Counter({
      name: 'touchstone_http_requests_total',
      help: 'Requests that ended, by route and status; `gone`: the client hung up first.',
      labelNames: ['route', 'status'] as const,
      registers: [registry],
    }),
    seconds: new Histogram({
      name: 'touchstone_http_request_seconds',
      help: 'Time from the headers of a request to the end of its answer.',
      labelNames: ['route'] as const,
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
      registers: [registry],
    }),
  };

  const refusals = new Counter({
    name: 'touchstone_admission_refusals_total',
    help: 'Submissions refused before their body was read, by reason: wait, tenant, rate.',
    labelNames: ['reason'] as const,
    registers: [registry],
  });
  for (const reason of ['wait', 'tenant', 'rate']) refusals.inc({ reason }, 0);

  const store = await openObjectStore(config.store);
  const spool = await openSpool(join(config.dataDir, 'spool'), config.maxBytesInFlight, (error) =>
    logger.warn({ err: error }, 'the spool could not be cleaned'),
  );
  const keys = await openApiKeys(config.apiKeysFile, (error) => logger.error({ err: error }, 'API keys'));
  const secretKeys = await loadSecretKeys(config.webhooks.secretKey, config.dataDir);
  if (config.store.s3 !== null && config.webhooks.secretKey === undefined) {
    logger.warn('SECRET_KEY is not set: an aggregator on another machine could not open the secrets of webhooks');
  }
  const page = await readFile(new URL('../public/index.html', import.meta.url), 'utf8');
  const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };

  const onRedisError = logRedisErrors(logger);
  const quick = openRedis(config.redisUrl, FAIL_FAST_OPTIONS, onRedisError);
  const subscriber = openRedis(config.redisUrl, CONSUMER_OPTIONS, onRedisError);
  const jobs = openDetectionJobs(quick, config.queuePrefix, onRedisError);
  const reader = createDetectionReader({
    store,
    redis: quick,
    prefix: config.queuePrefix,
    jobs,
    // The message of an error may quote what is stored.
    onUnreadable: (id, error) => logger.warn({ detectionId: id, error: error.name }, 'left out of a list: unreadable'),
  });
  const eraser = createEraser({
    store,
    forget: createForgetDetection(quick, config.queuePrefix, jobs),
    nowMs: Date.now,
  });
  const waiting = createVerdictWaiting({
    maxHeld: config.maxHeld,
    signals: listenForVerdicts(subscriber, config.queuePrefix),
    readVerdict: (tenant, id) => reader.verdict(tenant, id),
    onError: (error) => logger.warn({ err: error }, 'a look for a verdict failed'),
  });
  const webhooks = openWebhooks({ store, redis: quick, jobs, outbound: config.webhooks.outbound, secretKeys });
  const uploads = createDirectUploads({ store, spool, nowMs: Date.now });
  const canWriteStore = createStoreProbe(store);
  const capabilities = createCapabilityReport(
    {
      slots: config.detectors,
      llmPolicy: config.llmPolicy,
      detectWaitMs: config.detectWaitMs,
      offersDirectUpload: uploads.isOffered,
      calibration: await loadCalibration(config.calibrationPath),
    },
    () => readHeartbeats(quick, config.queuePrefix, Date.now()),
  );
  const isReady = () => settleWithin(READY_LIMIT_MS, canWriteStore(), false);
  observeLoad(registry, { held: () => waiting.held, bytes: () => spool.bytesInFlight });

  // The judge's queue is left out: a verdict waits for the LLM no longer than its grace.
  const detectorQueues = config.detectors.filter((slot) => slot !== 'llm').map((slot) => queueOfSlot[slot]);
  const acceptance: Acceptance = {
    store,
    enqueue: createFlowProducer(quick, jobs, logger, (payload) => isErased(store, payload)),
    erase: eraser.erase,
    abandoned: new Set(),
    nowMs: Date.now,
  };
  const app = createApp({
    acceptance,
    eraser,
    reader,
    running: createRunningDetections(MAX_JOINABLE, Date.now),
    waiting,
    spool,
    uploads,
    keys,
    admission: {
      queueWait: createQueueWait(() => readQueueLoads(quick, config.queuePrefix, detectorQueues, Date.now())),
      tenantQueue: createTenantQueue(() => readPendingCounts(quick, config.queuePrefix), Date.now),
      countRate: createRateCounter(quick, config.queuePrefix),
      isRepetition: (tenant, keyHash) => isRepetition(acceptance, tenant, keyHash),
      rateLimits: config.rateLimits,
      maxQueuedPerTenant: config.maxQueuedPerTenant,
      maxQueueWaitMs: config.maxQueueWaitMs,
      maxDetectQueueWaitMs: config.maxDetectQueueWaitMs,
      refusals,
    },
    opensAnonymousDetect: config.opensAnonymousDetect,
    requestsPerMinute: config.requestsPerMinute,
    offer: {
      slots: config.detectors,
      llmPolicy: config.llmPolicy,
      operatingPoints: capabilities.operatingPoints,
    },
    capabilities,
    webhooks,
    detectWaitMs: config.detectWaitMs,
    trustedProxies: config.trustedProxies,
    page,
    reportHealth: createHealthReporter({
      version,
      slots: config.detectors,
      pingRedis: () => quick.ping(),
      readHeartbeats: () => readHeartbeats(quick, config.queuePrefix, Date.now()),
      canWriteStore,
    }),
    isReady,
    logger,
    metrics,
  });
  const processServer = await openProcessServer({
    port: config.metricsPort,
    host: config.metricsHost,
    registry,
    isReady,
  });
  const startedAt = new Date().toISOString();
  const heartbeat = openHeartbeat(quick, config.queuePrefix, () => ({
    role: 'api-gateway',
    instance: `${hostname()}-${process.pid}`,
    pid: process.pid,
    started_at: startedAt,
    detectors: [],
    metrics_url: processServer.url,
  }));
  const server = await openPublicServer(app, { port: config.port, host: config.host });
  logger.info({ url: server.url, hasKeys: (await keys.current()).hasKeys }, 'api-gateway is ready');

  return {
    addresses: { public: server.url, metrics: processServer.url },
    async close() {
      const closed = server.close();
      // Who waits is answered 202 or 504 and asks again elsewhere.
      waiting.close();
      await closed;
      await webhooks.close();
      await heartbeat.close();
      await processServer.close();
      spool.close();
      await settleWithin(REDIS_CLOSE_LIMIT_MS, jobs.close(), undefined);
      await Promise.all([closeRedis(quick), closeRedis(subscriber)]);
      await store.close();
      logger.info('api-gateway has stopped');
    },
  };
}

function observeLoad(registry: Registry, load: { held(): number; bytes(): number }): void {
  new Gauge({
    name: 'touchstone_held_connections',
    help: 'Clients that wait for a verdict.',
    registers: [registry],
    collect() {
      this.set(load.held());
    },
  });
  new Gauge({
    name: 'touchstone_upload_bytes_in_flight',
    help: 'Bytes of uploads that are received or being stored.',
    registers: [registry],
    collect() {
      this.set(load.bytes());
    },
  });
}
