import sharp from 'sharp';
import { createLogger } from '@touchstone/shared/observe/logger';
import type { InputPlan } from '../../../services/gpu-worker/src/core/prepared-image.ts';
import { openPreparerPool } from '../../../services/gpu-worker/src/preparer/preparer-pool.ts';
import { servePeer } from './serve-peer.ts';

export type PreparationSetup = { plans: InputPlan[]; image: Uint8Array; size: number };
/** `prepare`: through the pool, as the worker does it. `decode`: the whole picture to pixels, in this process. */
export type PreparationTask = { kind: 'prepare' | 'decode'; count: number };
/** Bytes of the tensor, to show that something was done. */
export type PreparationAnswer = { bytes: number };

/** The preparation alone, with nothing around it, for whoever reads this process's CPU time. Part of R6. */
await servePeer(async ({ plans, image, size }: PreparationSetup) => {
  sharp.cache(false);
  sharp.concurrency(1);
  const pool = await openPreparerPool({
    plans,
    size,
    timeoutMs: 60_000,
    maxGrowthBytes: 2 ** 32,
    recycleAfter: 1_000_000,
    logger: createLogger('bench', 'silent'),
  });
  const once = {
    prepare: async () => (await pool.prepare(image, 'image/jpeg')).inputs[0]!.data.length,
    decode: async () => (await sharp(image).raw().toBuffer()).length,
  };
  return {
    async answer({ kind, count }: PreparationTask): Promise<PreparationAnswer> {
      let left = count;
      let bytes = 0;
      const work = async () => {
        while (left > 0) {
          left -= 1;
          bytes = await once[kind]();
        }
      };
      await Promise.all(Array.from({ length: size }, work));
      return { bytes };
    },
  };
});
