import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeTinyBundle } from '@touchstone/models/tiny-bundle';
import { launchService } from '../../start/launch-service.ts';
import { rolesFor, type Role } from '../../start/roles.ts';
import { openChaosRedis, type ChaosRedis } from './chaos-redis.ts';
import { openChaosStore, type ChaosStore, type StoreKind } from './chaos-store.ts';
import { keepRole, type KeptRole } from './kept-role.ts';

const ROOT = join(import.meta.dirname, '../../..');
const READY_LIMIT_MS = 120_000;
const STOP_GRACE_MS = 25_000;
/** A day: jobs pile up under faults, and refusing them would hide what becomes of them. */
const NO_ADMISSION_MS = 86_400_000;
/** What the processes get of the caller's environment: no setting and no key of theirs may change a run. */
const INHERITED = ['PATH', 'HOME', 'TMPDIR', 'LD_LIBRARY_PATH', 'NODE'];
/** Serves people a page and takes no part in a detection. */
const LEFT_OUT = 'operators';

type RoleName = 'api-gateway' | 'gpu-worker' | 'aggregator' | 'llm-worker';

/** Where a role differs from the rest. */
type RoleTwist = { redisUrl?: string; env?: Record<string, string> };

export type SystemOptions = {
  store: StoreKind;
  env?: Record<string, string>;
  /** Processes of a role, where there is more than one. */
  instances?: Partial<Record<RoleName, number>>;
  /** Before the first process starts, when Redis and the store are there: the place for proxies. */
  prepare?(parts: { redis: ChaosRedis; store: ChaosStore }): Promise<void>;
  /** Asked at every launch, so that it may change between two lives; `index` tells instances apart. */
  twist?(role: RoleName, parts: { redis: ChaosRedis; store: ChaosStore }, index: number): RoleTwist;
  /** Another place for the data of Redis, and for everything else: a small disk. */
  redisDir?: string;
  dataDir?: string;
};

/** The processes of the real system, with tiny bundles as models, kept by a supervisor of our own. */
export type ChaosSystem = {
  url: () => string;
  redis: ChaosRedis;
  store: ChaosStore;
  roles: readonly KeptRole[];
  rolesOf(...names: RoleName[]): KeptRole[];
  untilReady(): Promise<void>;
  stop(): Promise<void>;
};

export async function startChaosSystem(parentFolder: string, options: SystemOptions): Promise<ChaosSystem> {
  const folder = await mkdtemp(join(parentFolder, 'system-'));
  const dataDir = options.dataDir ?? join(folder, 'data');
  const bundles = { sbi: join(folder, 'tiny-sbi'), distildire: join(folder, 'tiny-distildire') };
  await mkdir(join(folder, 'logs'), { recursive: true });
  await writeTinyBundle(bundles.sbi, { scope: 'face-forgery' });
  await writeTinyBundle(bundles.distildire, { scope: 'whole-image' });
  const store = await openChaosStore(options.store, dataDir);
  const redis = await openChaosRedis(folder, options.redisDir ?? join(dataDir, 'redis'));
  await options.prepare?.({ redis, store });
  const inherited = Object.fromEntries(
    INHERITED.map((name) => [name, process.env[name]]).filter(([, value]) => value !== undefined),
  ) as Record<string, string>;
  const env: Record<string, string> = {
    ...inherited,
    HOST: '127.0.0.1',
    LOG_LEVEL: 'warn',
    MODEL_SBI_PATH: bundles.sbi,
    MODEL_DISTILDIRE_PATH: bundles.distildire,
    CALIBRATION_PATH: 'none',
    PREPARER_PROCESSES: '1',
    RATE_LIMIT_PER_MINUTE: '0',
    RATE_LIMIT_PER_DAY: '0',
    RATE_LIMIT_REQUESTS_PER_MINUTE: '0',
    MAX_QUEUED_PER_TENANT: '0',
    MAX_QUEUE_WAIT_MS: String(NO_ADMISSION_MS),
    WEBHOOK_ALLOW_LOOPBACK: '1',
    ...store.env,
    ...options.env,
  };
  const settings = { port: 0, opsPort: 0, dataDir, redisUrl: undefined, metricsPort: 0 };

  const keep = (role: Role, index: number): KeptRole => {
    const name = index === 0 ? role.name : `${role.name}-${index + 1}`;
    return keepRole(name, join(folder, 'logs', `${name}.log`), (previous) => {
      const twist = options.twist?.(role.name as RoleName, { redis, store }, index) ?? {};
      return launchService(
        role,
        { root: ROOT, env: { ...env, ...twist.env }, settings, redisUrl: twist.redisUrl ?? redis.url, index: 0 },
        previous,
      );
    });
  };
  const roles = rolesFor(env)
    .filter(({ name }) => name !== LEFT_OUT)
    .flatMap((role) =>
      Array.from({ length: options.instances?.[role.name as RoleName] ?? 1 }, (_, index) => ({
        kind: role,
        kept: keep(role, index),
      })),
    );

  const untilReady = async () => {
    const limit = AbortSignal.timeout(READY_LIMIT_MS);
    const late = new Promise<never>((_, reject) =>
      limit.addEventListener('abort', () => reject(new Error(`the system did not come up; see ${folder}/logs`))),
    );
    await Promise.race([Promise.all(roles.map(({ kept }) => kept.untilReady())), late]);
  };
  const stop = async () => {
    const stages = [...new Set(roles.map(({ kind }) => kind.stopStage))].toSorted((a, b) => a - b);
    for (const stage of stages) {
      const ending = roles.filter(({ kind }) => kind.stopStage === stage);
      await Promise.all(ending.map(({ kept }) => kept.stop(STOP_GRACE_MS)));
    }
    await redis.close();
    await store.close();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  const kept = roles.map((role) => role.kept);
  try {
    await untilReady();
  } catch (error) {
    await Promise.all(kept.map((role) => role.stop(0)));
    await redis.close();
    await store.close();
    throw error;
  }
  return {
    url: () =>
      kept
        .find(({ name }) => name === 'api-gateway')!
        .addresses()
        ['public']!.replace(/\/$/, ''),
    redis,
    store,
    roles: kept,
    rolesOf: (...names) => roles.filter(({ kind }) => names.includes(kind.name as RoleName)).map((role) => role.kept),
    untilReady,
    stop,
  };
}
