import type { Redis } from 'ioredis';
import { Heartbeat } from '../contracts/heartbeat.ts';

const BEAT_MS = 5_000;
const EXPIRES_AFTER_SECONDS = 15;
const hashOf = (prefix: string) => `${prefix}:heartbeats`;

/** Writes a heartbeat every 5 s and whenever Redis comes (back), until closed; takes it back at the end. */
export function openHeartbeat(redis: Redis, prefix: string, current: () => Heartbeat): { close(): Promise<void> } {
  const field = (beat: Heartbeat) => `${beat.role}:${beat.instance}`;
  const beat = async () => {
    const value = current();
    const body = JSON.stringify({ at: Date.now(), beat: Heartbeat.parse(value) });
    await redis.hset(hashOf(prefix), field(value), body).catch(() => undefined);
  };
  const beatNow = () => void beat();
  beatNow();
  redis.on('ready', beatNow);
  const timer = setInterval(beatNow, BEAT_MS);
  return {
    async close() {
      clearInterval(timer);
      redis.off('ready', beatNow);
      if (redis.status === 'ready') await redis.hdel(hashOf(prefix), field(current())).catch(() => undefined);
    },
  };
}

/** The processes that gave a sign of life within 15 s. Rejects when Redis does not answer. */
export async function readHeartbeats(redis: Redis, prefix: string, nowMs: number): Promise<Heartbeat[]> {
  const all = await redis.hgetall(hashOf(prefix));
  const living: Heartbeat[] = [];
  for (const [field, text] of Object.entries(all)) {
    const { at, beat } = JSON.parse(text) as { at: number; beat: unknown };
    const parsed = Heartbeat.safeParse(beat);
    if (parsed.success && nowMs - at <= EXPIRES_AFTER_SECONDS * 1_000) living.push(parsed.data);
    else if (nowMs - at > 86_400_000) await redis.hdel(hashOf(prefix), field);
  }
  return living;
}
