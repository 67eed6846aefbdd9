import type { Logger } from '@touchstone/shared/observe/logger';
import type { CnnSlot } from '@touchstone/shared/contracts/vocabulary';
import type { Config } from '../config.ts';
import type { RunBatch } from '../core/batch-queue.ts';
import type { Detector } from '../core/build-partial.ts';
import type { ImagePreparer, InputPlan } from '../core/prepared-image.ts';
import type { openInferenceDevice } from '../inference/open-inference-device.ts';
import { createDetector, inferenceBundleOf, isFilled, loadSlots, planOf } from './load-slots.ts';

/** Every slot of the process, and what its usable bundles run on. */
export type Detectors = {
  slots: ReadonlyMap<CnnSlot, Detector>;
  /** Null when no slot has a bundle: then nothing is prepared or run, and its jobs are answered all the same. */
  preparer: ImagePreparer | null;
  run: RunBatch;
  close(): Promise<void>;
};

/**
 * Loads the bundles, then starts the preparers and the inference device and waits until all are warm. A bundle that
 * cannot be used makes its slot unavailable; a device that cannot be used rejects.
 */
export async function openDetectors(
  config: Pick<
    Config,
    'slots' | 'modelPaths' | 'deploymentUse' | 'provider' | 'deviceId' | 'intraOpThreads' | 'maxBatch' | 'runTimeoutMs'
  >,
  options: {
    openPreparer: (plans: InputPlan[]) => Promise<ImagePreparer>;
    openDevice: typeof openInferenceDevice;
    onCrash: (error: Error) => void;
    logger: Logger;
  },
): Promise<Detectors> {
  const loaded = await loadSlots(config);
  const filled = loaded.filter(isFilled);
  const describe = (reports: Parameters<typeof createDetector>[1]) =>
    new Map(loaded.map((slot) => [slot.slot, createDetector(slot, reports)]));
  if (filled.length === 0) {
    return {
      slots: describe([]),
      preparer: null,
      run: () => Promise.reject(new Error('no slot has a bundle')),
      close: async () => undefined,
    };
  }
  const preparer = await options.openPreparer(filled.map(planOf));
  try {
    const device = await options.openDevice({
      provider: config.provider,
      deviceId: config.deviceId,
      intraOpThreads: config.intraOpThreads,
      maxBatch: config.maxBatch,
      runTimeoutMs: config.runTimeoutMs,
      bundles: filled.map(inferenceBundleOf),
      onCrash: options.onCrash,
    });
    for (const { id, problem, cause } of device.reports) {
      if (cause !== null) options.logger.error({ slot: id, cause }, `onnxruntime on the bundle of ${id}: ${problem}`);
    }
    return {
      slots: describe(device.reports),
      preparer,
      run: device.run,
      async close() {
        await device.close();
        await preparer.close();
      },
    };
  } catch (error) {
    await preparer.close();
    throw error;
  }
}
