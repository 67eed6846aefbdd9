import { resolve } from 'node:path';
import { COMMON_SETTINGS, parseEnvironment, port } from '@touchstone/shared/process/environment';

const SETTINGS = {
  PORT: port(8_000),
  /** The operators' page. */
  OPS_PORT: port(8_001),
  /** Holds all state: objects, Redis, logs, spool, keys.json, run.json. */
  DATA_DIR: COMMON_SETTINGS.DATA_DIR,
  REDIS_URL: COMMON_SETTINGS.REDIS_URL.optional(),
  /** Of the first role; the others take the following ones. 0 takes free ones. */
  METRICS_PORT: port(0),
};

export type Settings = {
  port: number;
  opsPort: number;
  dataDir: string;
  /** Undefined: a private Redis. */
  redisUrl: string | undefined;
  metricsPort: number;
};

/** Pure; a relative DATA_DIR is made absolute against `root`, so that every child means the same folder. */
export function loadSettings(env: NodeJS.ProcessEnv, root: string): Settings {
  const settings = parseEnvironment(SETTINGS, env);
  return {
    port: settings.PORT,
    opsPort: settings.OPS_PORT,
    dataDir: resolve(root, settings.DATA_DIR),
    redisUrl: settings.REDIS_URL,
    metricsPort: settings.METRICS_PORT,
  };
}
