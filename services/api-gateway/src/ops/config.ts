import { join } from 'node:path';
import { z } from 'zod';
import { COMMON_SETTINGS, flag, parseEnvironment, port } from '@touchstone/shared/process/environment';

const SETTINGS = {
  ...COMMON_SETTINGS,
  OPS_PORT: port(8_001),
  OPS_HOST: z.string().default('127.0.0.1'),
  /** Lets operators retry, promote, remove and pause; otherwise they look. */
  OPS_WRITABLE: flag(false),
  /** Default: `ops-password` in `DATA_DIR`. Made when absent. */
  OPS_PASSWORD_FILE: z.string().optional(),
};

export type OpsConfig = ReturnType<typeof loadOpsConfig>;

/** Pure: reads only its argument. */
export function loadOpsConfig(env: NodeJS.ProcessEnv) {
  const settings = parseEnvironment(SETTINGS, env);
  return {
    redisUrl: settings.REDIS_URL,
    queuePrefix: settings.QUEUE_PREFIX,
    dataDir: settings.DATA_DIR,
    logLevel: settings.LOG_LEVEL,
    metricsPort: settings.METRICS_PORT,
    metricsHost: settings.METRICS_HOST,
    port: settings.OPS_PORT,
    host: settings.OPS_HOST,
    isWritable: settings.OPS_WRITABLE,
    passwordFile: settings.OPS_PASSWORD_FILE ?? join(settings.DATA_DIR, 'ops-password'),
  };
}
