import { hostname } from 'node:os';
import { createLogger } from '@touchstone/shared/observe/logger';
import { logJobEvents } from '@touchstone/shared/observe/job-logging';
import { logRedisErrors } from '@touchstone/shared/observe/log-redis-errors';
import { createProcessMetrics } from '@touchstone/shared/observe/process-metrics';
import { openProcessServer } from '@touchstone/shared/observe/process-server';
import type { Service } from '@touchstone/shared/process/run-service';
import { openHeartbeat } from '@touchstone/shared/queue/heartbeats';
import { openJobWorker } from '@touchstone/shared/queue/job-worker';
import { closeRedis, CONSUMER_OPTIONS, FAIL_FAST_OPTIONS, openRedis } from '@touchstone/shared/queue/redis-connection';
import { openObjectStore } from '@touchstone/shared/storage/open-object-store';
import { createBudgetLedger } from './adapters/budget-ledger.ts';
import { createJudgeMetrics } from './adapters/judge-metrics.ts';
import { createJudgeObjects } from './adapters/judge-objects.ts';
import { loadCalibration } from '@touchstone/fusion/load-calibration';
import { loadPrompt } from './adapters/load-prompt.ts';
import { createOpenAiJudge } from './adapters/openai-judge.ts';
import { createAskModel } from './ask-model.ts';
import type { Config } from './config.ts';
import { createCallGate } from './core/call-gate.ts';
import { createJudgeImage, type JudgeModel } from './judge-image.ts';
import { openPicturePool } from './picture/picture-pool.ts';

/** Parts that tests replace. */
export type ServiceDeps = { openStore: typeof openObjectStore; openPictures: typeof openPicturePool };

const REAL_DEPS: ServiceDeps = { openStore: openObjectStore, openPictures: openPicturePool };

/** Sooner than a closing worker leaves its jobs: a call that takes longer is then another worker's to make, at once. */
const LAST_CALLS_MS = 15_000;

type Closable = { close(): Promise<void> | void };

/** Asks a language model about images: takes judge jobs and stores one partial for each. */
export async function startService(config: Config, replaced: Partial<ServiceDeps> = {}): Promise<Service> {
  const deps = { ...REAL_DEPS, ...replaced };
  const logger = createLogger('llm-worker', config.logLevel);
  const ending = new AbortController();
  /** What is open, last opened first: the order of closing. */
  const open: Closable[] = [];
  const keep = <T extends Closable>(part: T): T => {
    open.unshift(part);
    return part;
  };
  const closeAll = async () => {
    for (const part of open.splice(0)) await part.close();
  };

  try {
    return await start();
  } catch (error) {
    await closeAll();
    throw error;
  }

  async function start(): Promise<Service> {
    const gate = createCallGate(Date.now);
    const { registry, jobFailures } = createProcessMetrics('llm-worker');
    const metrics = createJudgeMetrics(registry, () => gate.state());
    const store = keep(await deps.openStore(config.objectStore));
    const onRedisError = logRedisErrors(logger);
    const consumer = openRedis(config.redisUrl, CONSUMER_OPTIONS, onRedisError);
    keep({ close: () => closeRedis(consumer) });
    const quick = openRedis(config.redisUrl, FAIL_FAST_OPTIONS, onRedisError);
    keep({ close: () => closeRedis(quick) });

    const openModel = async (apiKey: string): Promise<JudgeModel> => {
      const prompt = await loadPrompt();
      const { baseUrl, model, timeoutMs, prices, maxOutputTokens, graceMs: maxDelayMs, detectorsWaitMs } = config;
      const askModel = createAskModel({
        ask: createOpenAiJudge({ apiKey, baseUrl, model, prompt, timeoutMs }),
        ledger: createBudgetLedger(quick, config.queuePrefix, config.budget),
        prompt,
        gate,
        metrics,
        prices,
        maxOutputTokens,
        timeoutMs,
        maxDelayMs,
        ending: ending.signal,
      });
      const calibration = (await loadCalibration(config.calibrationPath))?.artefact ?? null;
      const pictures = keep(await deps.openPictures({ size: config.pictureProcesses, logger }));
      const promptSha256 = prompt.sha256;
      return { askModel, gate, pictures, calibration, prices, promptSha256, maxDelayMs, detectorsWaitMs };
    };
    const model = config.apiKey === null ? null : await openModel(config.apiKey);

    const startedAt = new Date().toISOString();
    const processServer = keep(
      await openProcessServer({
        port: config.metricsPort,
        host: config.metricsHost,
        registry,
        isReady: async () => consumer.status === 'ready',
      }),
    );
    keep(
      openHeartbeat(quick, config.queuePrefix, () => ({
        role: 'llm-worker',
        instance: `${hostname()}-${process.pid}`,
        pid: process.pid,
        started_at: startedAt,
        metrics_url: processServer.url,
        detectors: [
          {
            slot: 'llm',
            state: model !== null && gate.state() !== 'open' ? 'ready' : 'unavailable',
            detail: model === null ? 'OPENAI_API_KEY is not set.' : gate.state() === 'open' ? 'Its calls fail.' : null,
            bundle: null,
            provider: model === null ? null : config.model,
            warm_ms: null,
          },
        ],
      })),
    );

    const judgeImage = createJudgeImage({
      model,
      objects: createJudgeObjects(store),
      metrics,
      logger,
      nowMs: Date.now,
    });
    const workerOptions = {
      connection: consumer,
      prefix: config.queuePrefix,
      concurrency: config.concurrency,
      events: logJobEvents(logger, jobFailures),
    };
    const worker = keep(
      openJobWorker('judge-image', workerOptions, async (payload, context) => {
        await judgeImage(payload, context);
        return {};
      }),
    );
    worker.start();
    logger.info({ model: model === null ? null : config.model }, 'llm-worker is ready');

    return {
      addresses: { metrics: processServer.url },
      async close() {
        const lastCalls = setTimeout(() => ending.abort(), LAST_CALLS_MS);
        await closeAll();
        clearTimeout(lastCalls);
        logger.info('llm-worker has stopped');
      },
    };
  }
}
