import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeBenchImage } from './bench-images.ts';
import type { BenchContext } from './bench-context.ts';
import { startPeer } from './peer-process.ts';
import type { DeviceTimes } from './peers/emulated-device.thread.ts';
import type { WorkerFeed, WorkerFeedSetup } from './peers/worker-feed.child.ts';
import { preloadQueue } from './preloaded-queue.ts';

/** The emulated device: like a GPU that gains four times by batches of eight. */
export const EMULATED_DEVICE: DeviceTimes = { fixedMs: 12, perImageMs: 2 };
export const MAX_BATCH = 8;

/** Images per second of a device that always has a full batch. */
export const idealPerSecond = ({ fixedMs, perImageMs }: DeviceTimes, batch: number): number =>
  (batch * 1_000) / (fixedMs + perImageMs * batch);

/** Lets a real worker empty a queue of `count` images through the device; null is the real one of the provider. */
export async function feedWorker(
  context: BenchContext,
  options: { bundle: string; maxBatch: number; device: DeviceTimes | null; count: number },
): Promise<WorkerFeed> {
  const { bundle, maxBatch, device, count } = options;
  const queuePrefix = `feed-${randomUUID().slice(0, 8)}`;
  const dataDir = join(context.folder, queuePrefix);
  await preloadQueue({ redisUrl: context.redisUrl, queuePrefix, dataDir, image: await makeBenchImage('512'), count });
  const setup: WorkerFeedSetup = {
    env: {
      REDIS_URL: context.redisUrl,
      QUEUE_PREFIX: queuePrefix,
      DATA_DIR: dataDir,
      WORKER_SLOTS: 'distildire',
      MODEL_DISTILDIRE_PATH: bundle,
      MAX_BATCH: String(maxBatch),
      EXECUTION_PROVIDER: context.provider,
    },
    device,
    count,
    warmUp: Math.floor(count / 6),
  };
  const peer = await startPeer<WorkerFeedSetup, object, WorkerFeed>('worker-feed', setup);
  try {
    return await peer.ask({});
  } finally {
    await peer.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}
