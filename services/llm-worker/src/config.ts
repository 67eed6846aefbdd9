import { z } from 'zod';
import { COMMON_SETTINGS, milliseconds, parseEnvironment } from '@touchstone/shared/process/environment';
import { OBJECT_STORE_SETTINGS, objectStoreSettings } from '@touchstone/shared/storage/open-object-store';

const usd = () => z.coerce.number().min(0).max(1e6);
const HTTP_ADDRESS = z.url({ protocol: /^https?$/, error: 'must be an http or https address' }).refine((address) => {
  const { username, password, search, hash } = new URL(address);
  return username + password + search + hash === '';
}, 'must hold no credentials, query or fragment');

const SETTINGS = {
  ...COMMON_SETTINGS,
  ...OBJECT_STORE_SETTINGS,
  /** Without one, every job is answered with `model_unavailable`. */
  OPENAI_API_KEY: z
    .string()
    .regex(/^[\x21-\x7e]+$/, 'holds characters that no key has')
    .optional(),
  /** OpenAI, or any server that speaks its chat completions. */
  OPENAI_BASE_URL: HTTP_ADDRESS.default('https://api.openai.com/v1'),
  /** Must take pictures and structured output. */
  OPENAI_MODEL: z.string().min(1).max(100).default('gpt-4o'),
  /** Over everything that one job asks of the model. */
  LLM_TIMEOUT_MS: milliseconds(30_000),
  LLM_CONCURRENCY: z.coerce.number().int().min(1).max(64).default(8),
  LLM_MAX_OUTPUT_TOKENS: z.coerce.number().int().min(64).max(32_000).default(1_500),
  /** USD per million tokens; both 0: tokens and calls are counted, money is not. */
  LLM_PRICE_IN: usd().default(0),
  LLM_PRICE_OUT: usd().default(0),
  /** Of all processes together, in a day (UTC). */
  LLM_DAILY_BUDGET_USD: usd().default(10),
  /** Of one tenant; unset: no share of its own. */
  LLM_TENANT_DAILY_BUDGET_USD: usd().optional(),
  /** Caps what costs nothing by price as well. */
  LLM_DAILY_CALLS: z.coerce.number().int().min(0).max(1e9).default(10_000),
  /** A server that wants a longer pause is not waited for. */
  LLM_GRACE_MS: milliseconds(20_000),
  /** How long a job waits for the detectors, whose faces are cut out for the model. */
  LLM_DETECTORS_WAIT_MS: z.coerce.number().int().min(0).default(5_000),
  PICTURE_PROCESSES: z.coerce.number().int().min(1).max(16).default(1),
  /** Calibration artefact, as the aggregator has it: for the policy `uncertain`. */
  CALIBRATION_PATH: z.string().optional(),
};

export type Config = ReturnType<typeof loadConfig>;

/** Pure: reads only its argument. */
export function loadConfig(env: NodeJS.ProcessEnv) {
  const settings = parseEnvironment(SETTINGS, env);
  const microUsd = (amount: number | undefined) => (amount === undefined ? null : Math.round(amount * 1e6));
  return {
    redisUrl: settings.REDIS_URL,
    queuePrefix: settings.QUEUE_PREFIX,
    objectStore: objectStoreSettings(settings),
    logLevel: settings.LOG_LEVEL,
    metricsPort: settings.METRICS_PORT,
    metricsHost: settings.METRICS_HOST,
    /** Null: there is no model to ask. */
    apiKey: settings.OPENAI_API_KEY ?? null,
    baseUrl: settings.OPENAI_BASE_URL,
    model: settings.OPENAI_MODEL,
    timeoutMs: settings.LLM_TIMEOUT_MS,
    concurrency: settings.LLM_CONCURRENCY,
    maxOutputTokens: settings.LLM_MAX_OUTPUT_TOKENS,
    prices: { inUsdPerMillion: settings.LLM_PRICE_IN, outUsdPerMillion: settings.LLM_PRICE_OUT },
    budget: {
      microUsd: microUsd(settings.LLM_DAILY_BUDGET_USD),
      tenantMicroUsd: microUsd(settings.LLM_TENANT_DAILY_BUDGET_USD),
      calls: settings.LLM_DAILY_CALLS,
    },
    graceMs: settings.LLM_GRACE_MS,
    detectorsWaitMs: settings.LLM_DETECTORS_WAIT_MS,
    pictureProcesses: settings.PICTURE_PROCESSES,
    calibrationPath: settings.CALIBRATION_PATH,
  };
}
