import { UndecodableImageError } from '@touchstone/imaging/undecodable-image-error';
import type { Partial as DetectorPartial } from '@touchstone/shared/contracts/partial';
import type { CnnSlot } from '@touchstone/shared/contracts/vocabulary';
import type { Logger } from '@touchstone/shared/observe/logger';
import { sniffMediaType } from '../../services/api-gateway/src/core/sniff-media-type.ts';
import {
  createDetector,
  inferenceBundleOf,
  isFilled,
  loadSlots,
  planOf,
} from '../../services/gpu-worker/src/adapters/load-slots.ts';
import { createBatchQueue } from '../../services/gpu-worker/src/core/batch-queue.ts';
import {
  buildPartial,
  inputOf,
  notApplicableOutcome,
  scoredOutcome,
  undecodableOutcome,
  type ReadyDetector,
} from '../../services/gpu-worker/src/core/build-partial.ts';
import type { InputPlan } from '../../services/gpu-worker/src/core/prepared-image.ts';
import { openInferenceDevice } from '../../services/gpu-worker/src/inference/open-inference-device.ts';
import { openPreparerPool } from '../../services/gpu-worker/src/preparer/preparer-pool.ts';

export type Scorer = {
  detectors: ReadyDetector[];
  /** What each detector answers for a file, as the worker would store it. */
  score(file: Uint8Array): Promise<DetectorPartial[]>;
  close(): Promise<void>;
};

/** The same for every image: only scores matter here. */
const REF = { tenant: 'default', id: `det_${'0'.repeat(12)}7${'0'.repeat(3)}8${'0'.repeat(15)}`, revision: 1 } as const;
const PREPARERS = 2;
/** Of every part that it has in the worker; only the time limit is wider, because nobody waits here. */
const PREPARER_LIMITS = { timeoutMs: 60_000, maxGrowthBytes: 400 * 2 ** 20, recycleAfter: 5_000 };

/** Opens preparers, bundles and inference thread of the gpu-worker, without its queue and its store. */
export async function openScorer(options: {
  slots: CnnSlot[];
  modelPaths: Record<CnnSlot, string>;
  /** Every image is one face: the crop is the image. */
  hasFaceCrops: boolean;
  logger: Logger;
}): Promise<Scorer> {
  const { slots, modelPaths, hasFaceCrops, logger } = options;
  const loaded = await loadSlots({ slots, modelPaths, deploymentUse: 'research' });
  const filled = loaded.filter(isFilled);
  const missing = loaded.find((slot) => !isFilled(slot));
  if (missing !== undefined && !isFilled(missing)) throw new Error(missing.detail);
  const plans = filled.map(planOf).map((plan) => (hasFaceCrops ? withoutCrop(plan) : plan));
  const preparer = await openPreparerPool({ plans, size: PREPARERS, ...PREPARER_LIMITS, logger });
  const device = await openInferenceDevice({
    provider: 'cpu',
    deviceId: 0,
    intraOpThreads: 1,
    runTimeoutMs: 120_000,
    bundles: filled.map(inferenceBundleOf),
    onCrash: (error) => logger.fatal({ err: error }, 'the inference thread is gone'),
  }).catch(async (error: unknown) => {
    await preparer.close();
    throw error;
  });
  const close = async () => {
    await device.close();
    await preparer.close();
  };
  const detectors: ReadyDetector[] = [];
  for (const slot of filled) {
    const detector = createDetector(slot, device.reports);
    if (detector.state !== 'ready') {
      await close();
      throw new Error(detector.detail);
    }
    detectors.push(hasFaceCrops ? { ...detector, manifest: asWholeImage(detector.manifest) } : detector);
  }
  const queue = createBatchQueue({ run: device.run, maxBatch: 1, nowMs: () => performance.now() });

  return {
    detectors,
    async score(file) {
      const mediaType = sniffMediaType(file);
      const prepared =
        mediaType === null
          ? null
          : await preparer.prepare(file, mediaType).catch((error: unknown) => {
              if (error instanceof UndecodableImageError) return null;
              throw error;
            });
      return await Promise.all(
        detectors.map(async (detector) => {
          const outcome =
            prepared === null
              ? undecodableOutcome()
              : (notApplicableOutcome(detector, prepared) ?? (await infer(detector, prepared)));
          return buildPartial({ ...REF, slot: detector.slot }, outcome, {
            detector,
            timings: null,
            deviceMs: 0,
            createdAtMs: 0,
          });
        }),
      );
    },
    close,
  };

  async function infer(detector: ReadyDetector, prepared: Parameters<typeof inputOf>[1]) {
    const { data, count } = inputOf(detector, prepared);
    const { scores } = await queue.infer(detector.slot, data, count);
    return scoredOutcome(detector, prepared, scores);
  }
}

const withoutCrop = (plan: InputPlan): InputPlan => ({
  ...plan,
  steps: plan.steps.filter(({ op }) => op !== 'crop-face'),
});
const asWholeImage = (manifest: ReadyDetector['manifest']): ReadyDetector['manifest'] => ({
  ...manifest,
  scope: 'whole-image',
  preparation: manifest.preparation.filter(({ op }) => op !== 'crop-face'),
});
