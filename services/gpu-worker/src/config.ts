import { availableParallelism } from 'node:os';
import { z } from 'zod';
import { DeploymentUse } from '@touchstone/models/licence-gate';
import { CNN_SLOTS, type CnnSlot } from '@touchstone/shared/contracts/vocabulary';
import { COMMON_SETTINGS, milliseconds, parseEnvironment } from '@touchstone/shared/process/environment';
import { OBJECT_STORE_SETTINGS, objectStoreSettings } from '@touchstone/shared/storage/open-object-store';

const SLOT_LIST = `a list of ${CNN_SLOTS.join(', ')}, separated by commas`;

const SETTINGS = {
  ...COMMON_SETTINGS,
  ...OBJECT_STORE_SETTINGS,
  /** Folders of the bundles; a relative path is relative to the working directory. */
  MODEL_SBI_PATH: z.string().default('models/sbi-lite'),
  MODEL_DISTILDIRE_PATH: z.string().default('models/distildire-lite'),
  WORKER_SLOTS: z
    .string()
    .default(CNN_SLOTS.join(','))
    .transform((text) => [...new Set(text.split(',').map((part) => part.trim()))])
    .pipe(z.array(z.enum(CNN_SLOTS, SLOT_LIST)).min(1, SLOT_LIST)),
  EXECUTION_PROVIDER: z.enum(['cpu', 'cuda']).default('cpu'),
  DEVICE_ID: z.coerce.number().int().min(0).max(63).default(0),
  /** Regions per run. On a CPU larger batches only add latency and memory (measured: performance.md section 1). */
  MAX_BATCH: z.coerce.number().int().min(1).max(64).optional(),
  /** A run that takes longer means that the device hangs; the process ends and is started anew. */
  RUN_TIMEOUT_MS: milliseconds(120_000),
  PREPARER_PROCESSES: z.coerce.number().int().min(1).max(32).default(2),
  DEPLOYMENT_USE: DeploymentUse.default('research'),
  LLM_GRACE_MS: milliseconds(20_000),
};

const JOBS_AT_ONCE_ON_S3 = 8;

export type Config = ReturnType<typeof loadConfig>;

/** Pure but for the number of cores. */
export function loadConfig(env: NodeJS.ProcessEnv, cores = availableParallelism()) {
  const settings = parseEnvironment(SETTINGS, env);
  const isCpu = settings.EXECUTION_PROVIDER === 'cpu';
  const maxBatch = settings.MAX_BATCH ?? (isCpu ? 1 : 8);
  const store = objectStoreSettings(settings);
  const modelPaths: Record<CnnSlot, string> = {
    sbi: settings.MODEL_SBI_PATH,
    distildire: settings.MODEL_DISTILDIRE_PATH,
  };
  return {
    redisUrl: settings.REDIS_URL,
    queuePrefix: settings.QUEUE_PREFIX,
    dataDir: settings.DATA_DIR,
    store,
    logLevel: settings.LOG_LEVEL,
    metricsPort: settings.METRICS_PORT,
    metricsHost: settings.METRICS_HOST,
    slots: settings.WORKER_SLOTS,
    modelPaths,
    deploymentUse: settings.DEPLOYMENT_USE,
    provider: settings.EXECUTION_PROVIDER,
    deviceId: settings.DEVICE_ID,
    /** One core stays free for decoding and the queue; a GPU needs only the thread that feeds it. */
    intraOpThreads: isCpu ? Math.max(1, cores - 1) : 1,
    maxBatch,
    /**
     * Of each slot. Twice the batch: the next one is fetched and decoded while this one runs (measured: performance.md
     * 4.2). A job on S3 mostly waits for answers, some of them slow: two at once keep no device busy (chaos C9).
     */
    jobsAtOnce: Math.max(store.s3 !== null ? JOBS_AT_ONCE_ON_S3 : 2, 2 * maxBatch),
    runTimeoutMs: settings.RUN_TIMEOUT_MS,
    preparerProcesses: settings.PREPARER_PROCESSES,
    llmGraceMs: settings.LLM_GRACE_MS,
  };
}
