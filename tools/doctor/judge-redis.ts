import { isAtLeast } from './at-least.ts';
import { fail, ok, warn, type Finding } from './finding.ts';

export const MIN_REDIS_VERSION = '6.2';
export const REDIS_VERSION_ADVICE = `Use Redis or Valkey ${MIN_REDIS_VERSION} or newer: BullMQ needs it.`;

/** What a server says about itself. */
export type RedisFacts = {
  product: 'Redis' | 'Valkey';
  version: string;
  /** Best of a few PINGs, in ms: the other checks keep this process busy meanwhile. */
  round_trip_ms: number;
  maxmemory_policy: string | null;
  used_memory_bytes: number;
  /** 0: no limit. */
  maxmemory_bytes: number;
  appendonly: boolean;
  /** Null when CONFIG is forbidden. */
  appendfsync: string | null;
  last_write_failed: boolean;
};

/** `address` is free of secrets. */
export function judgeRedis(address: string, facts: RedisFacts): Finding[] {
  return [judgeServer(address, facts), judgeEviction(facts), judgePersistence(facts)];
}

function judgeServer(address: string, { product, version, round_trip_ms, ...rest }: RedisFacts): Finding {
  const { used_memory_bytes, maxmemory_bytes } = rest;
  const facts = { address, product, version, round_trip_ms, used_memory_bytes, maxmemory_bytes };
  const what = `${product} ${version} at ${address}, round trip ${round_trip_ms} ms`;
  if (!isAtLeast(version, MIN_REDIS_VERSION)) return fail('redis', what, REDIS_VERSION_ADVICE, facts);
  if (maxmemory_bytes > 0 && used_memory_bytes > 0.8 * maxmemory_bytes) {
    return warn(
      'redis',
      `${what}; more than 80 % of maxmemory is used`,
      'Raise maxmemory: a full Redis takes no jobs.',
      facts,
    );
  }
  return ok('redis', what, facts);
}

function judgeEviction({ maxmemory_policy: policy }: RedisFacts): Finding {
  const facts = { maxmemory_policy: policy };
  const advice = 'redis-cli CONFIG SET maxmemory-policy noeviction, and the same in redis.conf or the parameter group.';
  if (policy === null) return warn('redis-eviction', 'it does not tell its maxmemory-policy', advice, facts);
  if (policy === 'noeviction') return ok('redis-eviction', 'maxmemory-policy is noeviction', facts);
  return fail('redis-eviction', `maxmemory-policy is ${policy}: jobs and locks may vanish`, advice, facts);
}

function judgePersistence({ appendonly, appendfsync, last_write_failed }: RedisFacts): Finding {
  const id = 'redis-persistence';
  const facts = { appendonly, appendfsync, last_write_failed };
  if (last_write_failed) {
    return fail(id, 'its last write to disk failed', 'Look at its log and its disk: it may refuse all writes.', facts);
  }
  if (!appendonly) {
    return warn(
      id,
      'appendonly is off: a restart empties the queue (no detection is lost, each waits until it is swept up again)',
      'redis-cli CONFIG SET appendonly yes, with appendfsync everysec, and the same in redis.conf.',
      facts,
    );
  }
  if (appendfsync === 'no') {
    return warn(
      id,
      'appendonly is on, but appendfsync is no: a power loss takes about the last 30 s of the queue',
      'redis-cli CONFIG SET appendfsync everysec, and the same in redis.conf.',
      facts,
    );
  }
  const loss = appendfsync === 'always' ? 'nothing' : 'at most about a second of the queue';
  const known = appendfsync === null ? '' : `, appendfsync ${appendfsync}: a crash loses ${loss}`;
  return ok(id, `appendonly is on${known}`, facts);
}
