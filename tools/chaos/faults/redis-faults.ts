import { setTimeout as delay } from 'node:timers/promises';
import type { FaultContext } from '../load/run-load.ts';
import type { ChaosRedis } from '../system/chaos-redis.ts';

/** How long Redis stays away after its power is lost. */
const POWER_LOSS_DOWN_MS = 500;

/** Kills Redis, drops what was not synced, and starts it again. */
export async function losePower(redis: ChaosRedis, context: Pick<FaultContext, 'outageEnded' | 'note'>): Promise<void> {
  await redis.kill();
  context.note('dropped_bytes', redis.losePower());
  context.note('power_losses', 1);
  await delay(POWER_LOSS_DOWN_MS);
  await redis.start();
  context.outageEnded();
}

/** Redis forgets everything. */
export async function flushAll(redis: ChaosRedis, context: Pick<FaultContext, 'outageEnded' | 'note'>): Promise<void> {
  await redis.client.flushall();
  context.note('flushes', 1);
  context.outageEnded();
}

/** Runs `fault` at `times` moments spread evenly over the window. */
export async function spread(
  context: Pick<FaultContext, 'windowMs'>,
  times: number,
  fault: () => Promise<void>,
): Promise<void> {
  const startMs = performance.now();
  for (let turn = 1; turn <= times; turn++) {
    const atMs = (context.windowMs * turn) / (times + 1);
    await delay(Math.max(0, atMs - (performance.now() - startMs)));
    await fault();
  }
}
