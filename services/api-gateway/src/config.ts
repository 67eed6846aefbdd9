import { join } from 'node:path';
import { z } from 'zod';
import { LlmPolicy } from '@touchstone/shared/contracts/request-record';
import { CNN_SLOTS, CnnSlot, Slot } from '@touchstone/shared/contracts/vocabulary';
import { COMMON_SETTINGS, flag, milliseconds, parseEnvironment, port } from '@touchstone/shared/process/environment';
import { hasJudge, JUDGE_SETTINGS } from '@touchstone/shared/process/judge-settings';
import { WEBHOOK_SETTINGS, webhookSettings } from '@touchstone/shared/process/webhook-settings';
import { OBJECT_STORE_SETTINGS, objectStoreSettings } from '@touchstone/shared/storage/open-object-store';

const KEY_SETTINGS = {
  DATA_DIR: COMMON_SETTINGS.DATA_DIR,
  /** Default: `keys.json` in `DATA_DIR`. */
  API_KEYS_FILE: z.string().optional(),
};

const limit = (fallback: number) => z.coerce.number().int().min(0).max(1_000_000_000).default(fallback);

const SETTINGS = {
  ...COMMON_SETTINGS,
  ...OBJECT_STORE_SETTINGS,
  ...KEY_SETTINGS,
  ...JUDGE_SETTINGS,
  ...WEBHOOK_SETTINGS,
  /** When the LLM is asked unless the client says otherwise. */
  LLM_POLICY: LlmPolicy.default('always'),
  PORT: port(8_000),
  /** Default: all interfaces. */
  HOST: z.string().optional(),
  /** Slots that get a job; what else a client asks for is reported as unavailable. */
  DETECTORS: z
    .string()
    .default(CNN_SLOTS.join(','))
    .transform((text) => text.split(',').map((part) => part.trim()))
    .pipe(z.array(CnnSlot).min(1)),
  /** Calibration artefact, as the aggregator has it: for the operating points that clients may choose. */
  CALIBRATION_PATH: z.string().optional(),
  /** How long `POST /api/v1/detect` waits. */
  DETECT_WAIT_MS: milliseconds(55_000),
  /** Clients that wait for a verdict at the same time. */
  MAX_HELD: z.coerce.number().int().min(0).default(500),
  /** Bytes of uploads that are received or being stored at the same time. */
  MAX_INFLIGHT_BYTES: z.coerce.number().int().min(1).default(536_870_912),
  /** Opens `POST /api/v1/detect`, and nothing else, to callers without a key. */
  ANONYMOUS_DETECT: flag(false),
  /** Submissions of one API key, over all gateways; 0: no limit. Two cores keep up with 5 images a second. */
  RATE_LIMIT_PER_MINUTE: limit(300),
  RATE_LIMIT_PER_DAY: limit(100_000),
  /** Requests of one key to one gateway, polls included; 0: no limit. */
  RATE_LIMIT_REQUESTS_PER_MINUTE: limit(6_000),
  /** Detections of one tenant that wait for a verdict; 0: no limit. */
  MAX_QUEUED_PER_TENANT: limit(10_000),
  /** Where an answer would take longer, submissions are refused; contract.md section 2. */
  MAX_QUEUE_WAIT_MS: milliseconds(900_000),
  /** The same for a client that waits on `POST /api/v1/detect`. */
  MAX_DETECT_QUEUE_WAIT_MS: milliseconds(50_000),
  /** Proxies in front whose `X-Forwarded-For` names the caller of a rate limit. */
  TRUST_PROXY: z.coerce.number().int().min(0).max(10).default(0),
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
    port: settings.PORT,
    host: settings.HOST,
    /** What this deployment answers for, in the order of the vocabulary. */
    detectors: Slot.options.filter((slot) => (slot === 'llm' ? hasJudge(settings) : settings.DETECTORS.includes(slot))),
    llmPolicy: settings.LLM_POLICY,
    webhooks: webhookSettings(settings),
    calibrationPath: settings.CALIBRATION_PATH,
    detectWaitMs: settings.DETECT_WAIT_MS,
    maxHeld: settings.MAX_HELD,
    maxBytesInFlight: settings.MAX_INFLIGHT_BYTES,
    opensAnonymousDetect: settings.ANONYMOUS_DETECT,
    trustedProxies: settings.TRUST_PROXY,
    rateLimits: { perMinute: settings.RATE_LIMIT_PER_MINUTE, perDay: settings.RATE_LIMIT_PER_DAY },
    requestsPerMinute: settings.RATE_LIMIT_REQUESTS_PER_MINUTE,
    maxQueuedPerTenant: settings.MAX_QUEUED_PER_TENANT,
    maxQueueWaitMs: settings.MAX_QUEUE_WAIT_MS,
    maxDetectQueueWaitMs: settings.MAX_DETECT_QUEUE_WAIT_MS,
    apiKeysFile: keysFileOf(settings),
  };
}

/** The file of the keys alone, for the command that changes it. */
export function loadKeysFile(env: NodeJS.ProcessEnv): string {
  return keysFileOf(parseEnvironment(KEY_SETTINGS, env));
}

const keysFileOf = (settings: { DATA_DIR: string; API_KEYS_FILE?: string | undefined }) =>
  settings.API_KEYS_FILE ?? join(settings.DATA_DIR, 'keys.json');
