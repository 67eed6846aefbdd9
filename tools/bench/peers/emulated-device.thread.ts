import { parentPort, workerData } from 'node:worker_threads';

/** A batch of n takes `fixedMs + perImageMs * n`. */
export type DeviceTimes = { fixedMs: number; perImageMs: number };

/** Blocks this thread without using CPU, as `session.run` does while a GPU computes. */
const { fixedMs, perImageMs } = workerData as DeviceTimes;
const cell = new Int32Array(new SharedArrayBuffer(4));
parentPort!.on('message', (count: number) => {
  const ms = fixedMs + perImageMs * count;
  if (ms > 0) Atomics.wait(cell, 0, 0, ms);
  parentPort!.postMessage(new Float32Array(count).fill(0.5));
});
