/** A service that the first run starts, as data. */
export type Role = {
  name: string;
  /** Its `main.ts`, relative to the root. */
  entry: string;
  /** Roles of one stage stop together, lower stages first: nobody loses what it still needs to finish. */
  stopStage: number;
};

export const ROLES: readonly Role[] = [
  { name: 'api-gateway', entry: 'services/api-gateway/src/main.ts', stopStage: 1 },
  { name: 'operators', entry: 'services/api-gateway/src/ops-main.ts', stopStage: 1 },
  { name: 'gpu-worker', entry: 'services/gpu-worker/src/main.ts', stopStage: 2 },
  { name: 'aggregator', entry: 'services/aggregator/src/main.ts', stopStage: 2 },
];

/** Redis is not a service of ours, but lives under the same supervision; it stops last. */
export const REDIS_ROLE = 'redis';
