import { z } from 'zod';

/** Reads one setting per variable; the error lists every bad one with its name, never its value. */
export function parseEnvironment<S extends z.ZodRawShape>(shape: S, env: NodeJS.ProcessEnv): z.infer<z.ZodObject<S>> {
  const given = Object.fromEntries(
    Object.keys(shape)
      .map((name): [string, string | undefined] => [name, env[name]])
      .filter(([, value]) => value !== undefined && value !== ''),
  );
  const parsed = z.object(shape).safeParse(given);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `  ${issue.path.join('.')}: ${issue.message}`);
  throw new Error(`bad settings:\n${problems.join('\n')}`);
}

export const port = (fallback: number) => z.coerce.number().int().min(0).max(65_535).default(fallback);
/** Up to 24.8 days: a longer timer of Node fires at once. */
export const milliseconds = (fallback: number) => z.coerce.number().int().min(1).max(2_147_483_647).default(fallback);
export const flag = (fallback: boolean) =>
  z
    .enum(['0', '1', 'true', 'false'])
    .default(fallback ? '1' : '0')
    .transform((value) => value === '1' || value === 'true');

/** Settings that every service shares. */
export const COMMON_SETTINGS = {
  REDIS_URL: z.string().regex(/^(rediss?|unix):\/\//, 'must start with redis://, rediss:// or unix://'),
  QUEUE_PREFIX: z
    .string()
    .regex(/^[a-z0-9{}-]{1,40}$/)
    .default('touchstone'),
  DATA_DIR: z.string().min(1).default('.data'),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
  METRICS_PORT: port(0),
  METRICS_HOST: z.string().default('127.0.0.1'),
};
