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
  /** Images are kept so long; 0: for ever. The answer stays readable without its image. */
  UPLOAD_RETENTION_HOURS: z.coerce.number().int().min(0).max(87_600).default(168),
  /** Detections with all that belongs to them are kept so long, then their ids answer 404; 0: for ever. */
  VERDICT_RETENTION_DAYS: z.coerce.number().int().min(0).max(3_650).default(90),
  /** An `Idempotency-Key` counts for 24 h; its record may stay twice as long. */
  IDEM_RETENTION_HOURS: z.coerce.number().int().min(24).max(48).default(48),
  RETENTION_INTERVAL_MS: milliseconds(600_000),
  MERGE_CONCURRENCY: z.coerce.number().int().min(1).max(64).default(8),
};

const HOUR_MS = 3_600_000;
const keptFor = (ms: number) => (ms === 0 ? null : ms);

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
    retention: {
      uploadMs: keptFor(settings.UPLOAD_RETENTION_HOURS * HOUR_MS),
      detectionMs: keptFor(settings.VERDICT_RETENTION_DAYS * 24 * HOUR_MS),
      idempotencyMs: settings.IDEM_RETENTION_HOURS * HOUR_MS,
    },
    retentionIntervalMs: settings.RETENTION_INTERVAL_MS,
    mergeConcurrency: settings.MERGE_CONCURRENCY,
  };
}
