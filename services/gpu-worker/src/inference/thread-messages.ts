import type { Manifest } from '@touchstone/models/manifest';
import type { TensorData } from '../core/batch-queue.ts';

/** A bundle as the inference thread needs it; `id` is the caller's name for it. */
export type InferenceBundle = { id: string; manifest: Manifest; graphPaths: string[] };

export type DeviceSettings = {
  provider: 'cpu' | 'cuda';
  /** Number of the GPU; without meaning on the CPU. */
  deviceId: number;
  intraOpThreads: number;
  /** Images of the largest batch that will be asked for; 1 when absent. A GPU is warmed with all buckets anyway. */
  maxBatch?: number;
};

/** How a bundle came through its golden vectors. */
export type BundleReport = {
  id: string;
  /** The execution provider that ran it; null when it cannot be used. */
  provider: string | null;
  /** One warm run of a batch of one, in ms. */
  warmMs: number | null;
  /** Why it cannot be used. */
  problem: string | null;
  /** What onnxruntime said about it: for the log only, as it may name folders. */
  cause: string | null;
};

export type ThreadData = DeviceSettings & { bundles: InferenceBundle[] };

export type ToThread =
  { type: 'run'; runId: number; bundleId: string; data: TensorData; count: number } | { type: 'close' };

export type FromThread =
  | { type: 'ready'; reports: BundleReport[] }
  /** The device itself cannot be used: nothing of the thread works. */
  | { type: 'unusable'; message: string }
  | { type: 'scores'; runId: number; scores: Float32Array }
  | { type: 'failed'; runId: number; message: string };
