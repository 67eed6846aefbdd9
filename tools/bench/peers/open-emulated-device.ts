import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { childEntry } from '@touchstone/shared/process/child-entry';
import type {
  InferenceDevice,
  InferenceDeviceOptions,
} from '../../../services/gpu-worker/src/inference/open-inference-device.ts';
import type { DeviceTimes } from './emulated-device.thread.ts';

/** When a batch began and ended on the device, in ms of `performance.now()`. */
export type DeviceRun = { startMs: number; endMs: number; count: number };

/** A device that takes its time and computes nothing; tells every batch that it ran. */
export async function openEmulatedDevice(
  { bundles }: Pick<InferenceDeviceOptions, 'bundles'>,
  times: DeviceTimes,
  onRun: (run: DeviceRun) => void,
): Promise<InferenceDevice> {
  const thread = new Worker(childEntry(import.meta, 'emulated-device.thread'), { workerData: times });
  await once(thread, 'online');
  return {
    reports: bundles.map(({ id }) => ({ id, provider: 'emulated', warmMs: 0, problem: null, cause: null })),
    async run(_bundleId, _data, count) {
      const startMs = performance.now();
      const answer = once(thread, 'message');
      thread.postMessage(count);
      const [scores] = (await answer) as [Float32Array];
      onRun({ startMs, endMs: performance.now(), count });
      return scores;
    },
    close: async () => void (await thread.terminate()),
  };
}
