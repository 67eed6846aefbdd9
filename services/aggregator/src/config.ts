import { z } from 'zod';
import { COMMON_SETTINGS, milliseconds, parseEnvironment } from '@touchstone/shared/process/environment';
import { WEBHOOK_SETTINGS, webhookSettings } from '@touchstone/shared/process/webhook-settings';
import { OBJECT_STORE_SETTINGS, objectStoreSettings } from '@touchstone/shared/storage/open-object-store';

const SETTINGS = {
  ...COMMON_SETTINGS,
  ...OBJECT_STORE_SETTINGS,
  ...WEBHOOK_SETTINGS,
  /** Calibration artefact; `models/calibration.json` unless told otherwise, `none` for verdicts without a calibration. */
  CALIBRATION_PATH: z.string().optional(),
  SWEEP_INTERVAL_MS: milliseconds(5_000),
  LLM_GRACE_MS: milliseconds(20_000),
  /** Sends at the same time. Most of the time of a send is waiting for the receiver. */
  DELIVERY_CONCURRENCY: z.coerce.number().int().min(1).max(512).default(64),
  /** How long one send may take in all. */
  DELIVERY_DEADLINE_MS: milliseconds(15_000),
  MERGE_CONCURRENCY: z.coerce.number().int().min(1).max(64).default(8),
};

export type Config = ReturnType<typeof loadConfig>;

/** Pure: reads only its argument. */
export function loadConfig(env: NodeJS.ProcessEnv) {
  const settings = parseEnvironment(SETTINGS, env);
  return {
    redisUrl: settings.REDIS_URL,
    queuePrefix: settings.QUEUE_PREFIX,
    dataDir: settings.DATA_DIR,
    store: objectStoreSettings(settings),
    logLevel: settings.LOG_LEVEL,
    metricsPort: settings.METRICS_PORT,
    metricsHost: settings.METRICS_HOST,
    calibrationPath: settings.CALIBRATION_PATH,
    sweepIntervalMs: settings.SWEEP_INTERVAL_MS,
    llmGraceMs: settings.LLM_GRACE_MS,
    webhooks: webhookSettings(settings),
    deliveryConcurrency: settings.DELIVERY_CONCURRENCY,
    deliveryDeadlineMs: settings.DELIVERY_DEADLINE_MS,
    mergeConcurrency: settings.MERGE_CONCURRENCY,
  };
}
