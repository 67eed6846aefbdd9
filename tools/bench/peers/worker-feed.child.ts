import { loadConfig } from '../../../services/gpu-worker/src/config.ts';
import type { ImagePreparer, InputPlan } from '../../../services/gpu-worker/src/core/prepared-image.ts';
import {
  openInferenceDevice,
  type InferenceDevice,
} from '../../../services/gpu-worker/src/inference/open-inference-device.ts';
import { startService } from '../../../services/gpu-worker/src/service.ts';
import { openEmulatedDevice, type DeviceRun } from './open-emulated-device.ts';
import type { DeviceTimes } from './emulated-device.thread.ts';
import { servePeer } from './serve-peer.ts';

export type WorkerFeedSetup = {
  env: Record<string, string>;
  /** Null: the real device. */
  device: DeviceTimes | null;
  /** Images that wait in the queue. */
  count: number;
  /** Of them, those that go by before the clock starts: fresh code is slow. */
  warmUp: number;
};
export type WorkerFeed = {
  /** From the start of the first batch that counts to the end of the last. */
  perSecond: number;
  meanBatch: number;
  /** Share of that time in which the device was at work. */
  busy: number;
  cpuMsPerImage: number;
};

/**
 * A real gpu-worker with real queue, jobs, store and batcher; its preparation is a constant tensor, and its device may
 * be an emulated one (contract.md section 7). It works off what waits and tells how well the device was fed.
 */
await servePeer(async ({ env, device, count, warmUp }: WorkerFeedSetup) => ({
  async answer(): Promise<WorkerFeed> {
    const runs: DeviceRun[] = [];
    const all = Promise.withResolvers<void>();
    let images = 0;
    let cpu = process.cpuUsage();
    const onRun = (run: DeviceRun) => {
      const isWarm = images >= warmUp;
      images += run.count;
      if (isWarm) runs.push(run);
      else cpu = process.cpuUsage();
      if (images === count) all.resolve();
    };
    const service = await startService(loadConfig(env), {
      openPreparer: async ({ plans }) => createConstantPreparer(plans),
      openDevice: async (options) =>
        device === null
          ? watchDevice(await openInferenceDevice(options), onRun)
          : await openEmulatedDevice(options, device, onRun),
    });
    await all.promise;
    const { user, system } = process.cpuUsage(cpu);
    await service.close();
    const elapsedMs = runs.at(-1)!.endMs - runs[0]!.startMs;
    const counted = runs.reduce((sum, run) => sum + run.count, 0);
    return {
      perSecond: (counted * 1_000) / elapsedMs,
      meanBatch: counted / runs.length,
      busy: runs.reduce((sum, { startMs, endMs }) => sum + endMs - startMs, 0) / elapsedMs,
      cpuMsPerImage: (user + system) / 1_000 / counted,
    };
  },
}));

function watchDevice(device: InferenceDevice, onRun: (run: DeviceRun) => void): InferenceDevice {
  return {
    ...device,
    async run(bundleId, data, count) {
      const startMs = performance.now();
      const scores = await device.run(bundleId, data, count);
      onRun({ startMs, endMs: performance.now(), count });
      return scores;
    },
  };
}

function createConstantPreparer(plans: InputPlan[]): ImagePreparer {
  return {
    prepare: async () => ({
      width: 512,
      height: 512,
      faces: [],
      inputs: plans.map(({ slot, tensor }) => ({
        slot,
        count: 1,
        data: new Uint8Array(tensor.width * tensor.height * 3),
        faceIndexes: [],
        caveats: [],
      })),
      elapsedMs: 0,
    }),
    close: async () => undefined,
  };
}
