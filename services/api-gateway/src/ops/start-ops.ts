import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Counter, Histogram, type Registry } from 'prom-client';
import { createLogger, type Logger } from '@touchstone/shared/observe/logger';
import { logRedisErrors } from '@touchstone/shared/observe/log-redis-errors';
import { createProcessMetrics } from '@touchstone/shared/observe/process-metrics';
import { openProcessServer } from '@touchstone/shared/observe/process-server';
import type { Service } from '@touchstone/shared/process/run-service';
import { settleWithin } from '@touchstone/shared/process/settle-within';
import { openBoardQueues } from '@touchstone/shared/queue/board-queues';
import { readHeartbeats } from '@touchstone/shared/queue/heartbeats';
import { closeRedis, FAIL_FAST_OPTIONS, openRedis } from '@touchstone/shared/queue/redis-connection';
import { openPublicServer } from '../http/public-server.ts';
import { loadOpsPassword, type OpsPassword } from './adapters/ops-password.ts';
import { readDiskSpace } from './adapters/read-disk-space.ts';
import { readLocalProcesses } from './adapters/read-run-file.ts';
import { scrapeMetrics } from './adapters/scrape-metrics.ts';
import { createMetricsCollector } from './collect-metrics.ts';
import type { OpsConfig } from './config.ts';
import { createOpsApp } from './http/ops-app.ts';
import { createQueueBoard } from './http/queue-board.ts';

const QUEUES_CLOSE_LIMIT_MS = 3_000;

/** Opens the operators' port. It starts and serves whether Redis is there or not. */
export async function startOps(config: OpsConfig): Promise<Service> {
  const logger = createLogger('operators', config.logLevel);
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
  const password = await loadOpsPassword(config.passwordFile);
  tellPassword(password, config.passwordFile, logger);

  const { registry } = createProcessMetrics('operators');
  const onRedisError = logRedisErrors(logger);
  const redis = openRedis(config.redisUrl, FAIL_FAST_OPTIONS, onRedisError);
  const queues = openBoardQueues(redis, config.queuePrefix, onRedisError);
  const app = createOpsApp({
    password: password.text,
    board: createQueueBoard(queues, { isWritable: config.isWritable, logger }),
    collectMetrics: createMetricsCollector({
      registry,
      readLocalProcesses: () => readLocalProcesses(join(config.dataDir, 'run.json')),
      readHeartbeats: (nowMs) => readHeartbeats(redis, config.queuePrefix, nowMs),
      measureQueues: (nowMs) => queues.measure(nowMs),
      readDiskSpace: () => readDiskSpace(config.dataDir),
      scrape: scrapeMetrics,
      logger,
    }),
    logger,
    metrics: createOpsMetrics(registry),
  });
  const processServer = await openProcessServer({
    port: config.metricsPort,
    host: config.metricsHost,
    registry,
    isReady: async () => true,
  });
  const server = await openPublicServer(app, { port: config.port, host: config.host });
  logger.info({ url: server.url, isWritable: config.isWritable }, 'operators is ready');

  return {
    addresses: { ops: server.url, metrics: processServer.url },
    async close() {
      await server.close();
      await processServer.close();
      await settleWithin(QUEUES_CLOSE_LIMIT_MS, queues.close(), undefined);
      await closeRedis(redis);
      logger.info('operators has stopped');
    },
  };
}

/**
 * A supervisor writes what its children print to log files, where no secret may be, so only a terminal sees the
 * password itself; the log says how to read it.
 */
function tellPassword({ text, isNew, isExposed }: OpsPassword, file: string, logger: Logger): void {
  const how = `cat ${resolve(file)}`;
  if (isNew && process.stdout.isTTY) process.stdout.write(`Password of the operators' page: ${text}\n`);
  logger[isNew ? 'warn' : 'info']({ how }, `read the password of the operators' page with: ${how}`);
  if (isExposed) logger.warn("others on this machine may read the operators' password: chmod 600 it");
}

function createOpsMetrics(registry: Registry) {
  const logins = new Counter({
    name: 'touchstone_ops_logins_total',
    help: 'Tries to log in to the operators’ page, by outcome.',
    labelNames: ['outcome'] as const,
    registers: [registry],
  });
  for (const outcome of ['accepted', 'refused', 'limited']) logins.inc({ outcome }, 0);
  return {
    logins,
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
}
