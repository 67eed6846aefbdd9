import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { asError } from '@touchstone/shared/process/error-code';
import { closeRedis, openRedis } from '@touchstone/shared/queue/redis-connection';
import { findRedis } from '../redis/find-redis.ts';
import { isAtLeast } from './at-least.ts';
import type { DoctorContext } from './doctor-context.ts';
import { fail, ok, skip, warn, type Finding } from './finding.ts';
import { judgeRedis, MIN_REDIS_VERSION, REDIS_VERSION_ADVICE, type RedisFacts } from './judge-redis.ts';
import type { Check } from './run-checks.ts';

const execute = promisify(execFile);
const ANSWER_LIMIT_MS = 2_000;
const PINGS = 5;

/** The Redis that runs or that REDIS_URL names; without one, the program that `npm start` would use. */
export const checkRedis: Check = {
  id: 'redis',
  // Debian's packages may have to be unpacked first, as `npm start` would do.
  timeoutMs: 200_000,
  async run(context, signal) {
    const { settings, run, refused } = context;
    const ofRun = run.kind === 'running' ? run.run.redis_url : '';
    const url = ofRun || settings.redisUrl;
    if (url !== undefined) return await askRedis(url);
    if (refused.includes('REDIS_URL')) return [skip('redis', 'not asked: REDIS_URL is no address of a Redis')];
    return [await findProgram(context, signal)];
  },
};

async function askRedis(url: string): Promise<Finding[]> {
  const where = addressWithoutSecrets(url);
  if (where === null)
    return [fail('redis', 'REDIS_URL cannot be read', 'Correct it: redis://host:6379 or unix:///path')];
  let lastError: Error | undefined;
  const redis = openRedis(
    url,
    {
      lazyConnect: true,
      connectTimeout: ANSWER_LIMIT_MS,
      commandTimeout: ANSWER_LIMIT_MS,
      maxRetriesPerRequest: 0,
      retryStrategy: () => null,
    },
    (error) => (lastError = error),
  );
  const limit = AbortSignal.timeout(ANSWER_LIMIT_MS);
  const late = new Promise<never>((_, reject) =>
    limit.addEventListener('abort', () => reject(new Error(`no answer within ${ANSWER_LIMIT_MS / 1_000} s`))),
  );
  late.catch(() => undefined);
  try {
    await Promise.race([redis.connect(), late]);
    const info = parseInfo((await Promise.all(SECTIONS.map((section) => redis.info(section)))).join('\r\n'));
    const times: number[] = [];
    for (let i = 0; i < PINGS; i++) {
      const startMs = performance.now();
      await redis.ping();
      times.push(performance.now() - startMs);
    }
    // A managed Redis may forbid CONFIG.
    const fsync = await redis.config('GET', 'appendfsync').catch(() => null);
    return judgeRedis(where, readFacts(info, Math.min(...times), fsync));
  } catch (error) {
    const { message, code } = (lastError ?? asError(error)) as NodeJS.ErrnoException;
    // Node's messages quote the address as it was given, and have none where a name has several addresses.
    const reason = code ?? message.split('\n')[0]!.slice(0, 100);
    return [fail('redis', `${where} does not answer: ${reason}`, adviceFor(reason), { address: where, reason })];
  } finally {
    // Closing one that has ended would leave a timer of ioredis behind.
    if (redis.status !== 'end') await closeRedis(redis);
  }
}

const SECTIONS = ['server', 'memory', 'persistence'] as const;

function adviceFor(reason: string): string {
  if (/NOAUTH|WRONGPASS|NOPERM/.test(reason))
    return 'Put user and password into REDIS_URL: redis://user:password@host, or unix:///path?password=...';
  if (/LOADING/.test(reason)) return 'It reads its log; run the doctor again when it is done.';
  return 'Start it, correct REDIS_URL, or unset REDIS_URL: `npm start` then brings a private one.';
}

/** Host and port, or the path of a socket: a URL may hold a password. Null when it is none. */
export function addressWithoutSecrets(url: string): string | null {
  if (!URL.canParse(url)) return null;
  const { protocol, host, pathname } = new URL(url);
  return protocol === 'unix:' ? `unix://${pathname}` : `${protocol}//${host}`;
}

function parseInfo(text: string): Map<string, string> {
  const pairs = text.split(/\r?\n/).flatMap((line): [string, string][] => {
    const colon = line.indexOf(':');
    return colon < 1 ? [] : [[line.slice(0, colon), line.slice(colon + 1)]];
  });
  return new Map(pairs);
}

function readFacts(info: Map<string, string>, roundTripMs: number, fsync: unknown): RedisFacts {
  const isValkey = info.has('valkey_version');
  return {
    product: isValkey ? 'Valkey' : 'Redis',
    version: info.get('valkey_version') ?? info.get('redis_version') ?? 'unknown',
    round_trip_ms: Math.round(100 * roundTripMs) / 100,
    maxmemory_policy: info.get('maxmemory_policy') ?? null,
    used_memory_bytes: Number(info.get('used_memory') ?? 0),
    maxmemory_bytes: Number(info.get('maxmemory') ?? 0),
    appendonly: info.get('aof_enabled') === '1',
    appendfsync: Array.isArray(fsync) && typeof fsync[1] === 'string' ? fsync[1] : null,
    last_write_failed: info.get('aof_last_write_status') === 'err' || info.get('rdb_last_bgsave_status') === 'err',
  };
}

async function findProgram({ redisCacheDir, env, say }: DoctorContext, signal: AbortSignal): Promise<Finding> {
  try {
    const program = await findRedis({ cacheDir: redisCacheDir, env, say, signal });
    const { stdout } = await execute(program.path, ['--version'], {
      env: { ...env, ...program.env },
      timeout: ANSWER_LIMIT_MS,
      killSignal: 'SIGKILL',
    });
    const version = / v=(\S+)/.exec(stdout)?.[1] ?? null;
    const facts = { address: null, source: program.source, program: program.path, version };
    const what = `none runs here; \`npm start\` starts a private one (${program.path}, ${version ?? 'version unknown'})`;
    if (version === null) return warn('redis', what, REDIS_VERSION_ADVICE, facts);
    return isAtLeast(version, MIN_REDIS_VERSION)
      ? ok('redis', what, facts)
      : fail('redis', what, REDIS_VERSION_ADVICE, facts);
  } catch (error) {
    const [what, ...rest] = asError(error).message.split('\n');
    const advice = rest.at(-1) ?? 'Install one (apt-get install redis-server), or set REDIS_URL to a running one.';
    return fail('redis', what!, advice);
  }
}
