import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { childEntry } from '@touchstone/shared/process/child-entry';
import type { RunBatch } from '../core/batch-queue.ts';
import type { BundleReport, DeviceSettings, FromThread, InferenceBundle, ToThread } from './thread-messages.ts';

export type InferenceDevice = {
  /** One per bundle, in the order given. */
  reports: BundleReport[];
  /** Scores `count` images; takes the buffer of `data` away. One at a time: the caller queues. */
  run: RunBatch;
  close(): Promise<void>;
};

export type InferenceDeviceOptions = DeviceSettings & {
  bundles: InferenceBundle[];
  /** Called once when the thread dies or hangs after it was ready: the process is of no use any more. */
  onCrash: (error: Error) => void;
  /** Loading and warming may plan for minutes on a GPU. */
  startTimeoutMs?: number;
  /** A device that answers no run within this time is taken for hung. */
  runTimeoutMs: number;
};

const CLOSE_TIMEOUT_MS = 5_000;

/**
 * Starts the inference thread and waits until every bundle is warm and has passed its golden vectors, or was found
 * unusable. Rejects when the device itself cannot be used.
 */
export async function openInferenceDevice(options: InferenceDeviceOptions): Promise<InferenceDevice> {
  const { onCrash, startTimeoutMs = 600_000, runTimeoutMs, ...data } = options;
  // A thread's own `process.env` is a copy that `getenv` of onnxruntime does not see, so it is set here.
  process.env['ORT_DISABLE_TELEMETRY'] ??= '1';
  const thread = new Worker(childEntry(import.meta, 'inference.thread'), { workerData: data, name: 'inference' });
  const exited = once(thread, 'exit').catch(() => undefined);
  const started = Promise.withResolvers<BundleReport[]>();
  const runs = new Map<number, { resolve: (scores: Float32Array) => void; reject: (error: Error) => void }>();
  let runCount = 0;
  let isReady = false;
  let ended: Error | null = null;

  const post = (message: ToThread, transfer: ArrayBuffer[] = []) => thread.postMessage(message, transfer);

  /**
   * Ends everything at once; `isOurs` when the owner wanted it. The thread is asked, never terminated: `terminate`
   * during a native call aborted the whole process with an uncaught Napi::Error (measured, onnxruntime-node 1.30).
   */
  const end = (error: Error, isOurs: boolean) => {
    if (ended !== null) return;
    ended = error;
    started.reject(error);
    for (const { reject } of runs.values()) reject(error);
    runs.clear();
    post({ type: 'close' });
    if (isReady && !isOurs) onCrash(error);
  };
  thread.on('error', (error) => end(new Error('the inference thread crashed', { cause: error }), false));
  thread.on('exit', (code) => end(new Error(`the inference thread ended with code ${code}`), false));
  thread.on('message', (message: FromThread) => {
    switch (message.type) {
      case 'ready':
        isReady = true;
        return started.resolve(message.reports);
      case 'unusable':
        return end(new Error(message.message), false);
      case 'scores':
        return runs.get(message.runId)?.resolve(message.scores);
      case 'failed':
        return runs.get(message.runId)?.reject(new Error(message.message));
    }
  });

  const startTimer = setTimeout(
    () => end(new Error(`the models were not warm after ${startTimeoutMs} ms`), false),
    startTimeoutMs,
  );
  const reports = await started.promise.finally(() => clearTimeout(startTimer));

  return {
    reports,
    run(bundleId, tensor, count) {
      if (ended !== null) return Promise.reject(ended);
      const runId = ++runCount;
      const { promise, resolve, reject } = Promise.withResolvers<Float32Array>();
      runs.set(runId, { resolve, reject });
      const timer = setTimeout(
        () => end(new Error(`the device did not answer in ${runTimeoutMs} ms`), false),
        runTimeoutMs,
      );
      post({ type: 'run', runId, bundleId, data: tensor, count }, [tensor.buffer as ArrayBuffer]);
      return promise.finally(() => {
        clearTimeout(timer);
        runs.delete(runId);
      });
    },
    async close() {
      end(new Error('the inference device is closed'), true);
      // One that hangs in a native call is left to die with the process.
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, CLOSE_TIMEOUT_MS)));
      await Promise.race([exited, late]);
      clearTimeout(timer);
      thread.unref();
    },
  };
}
