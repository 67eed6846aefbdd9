import { hasJudge } from '@touchstone/shared/process/judge-settings';

/** A service that the first run starts, as data. */
export type Role = {
  name: string;
  /** Its `main.ts`, relative to the root. */
  entry: string;
  /** Roles of one stage stop together, lower stages first: nobody loses what it still needs to finish. */
  stopStage: number;
  /** How long it may take to be ready, where that is longer than the supervisor's default. */
  readyLimitMs?: number;
  /** What may take it so long, for people: "is still …". */
  slowStart?: string;
};

export const ROLES: readonly Role[] = [
  { name: 'api-gateway', entry: 'services/api-gateway/src/main.ts', stopStage: 1 },
  { name: 'operators', entry: 'services/api-gateway/src/ops-main.ts', stopStage: 1 },
  {
    name: 'gpu-worker',
    entry: 'services/gpu-worker/src/main.ts',
    stopStage: 2,
    // Its own limit for warming the models is 600 s (open-inference-device.ts), and it has to be the first to speak.
    readyLimitMs: 660_000,
    slowStart: 'loading models',
  },
  { name: 'aggregator', entry: 'services/aggregator/src/main.ts', stopStage: 2 },
];

/** Only where there is a judge: a first run without a key starts no process that has nothing to do. */
const JUDGE_ROLE: Role = { name: 'llm-worker', entry: 'services/llm-worker/src/main.ts', stopStage: 2 };

/** What a run with these settings starts. */
export function rolesFor(env: NodeJS.ProcessEnv): readonly Role[] {
  return hasJudge({ OPENAI_API_KEY: env['OPENAI_API_KEY'], LLM_ENABLED: env['LLM_ENABLED'] })
    ? [...ROLES, JUDGE_ROLE]
    : ROLES;
}

/** Redis is not a service of ours, but lives under the same supervision; it stops last. */
export const REDIS_ROLE = 'redis';
