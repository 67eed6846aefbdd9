export type TensorData = Uint8Array | Float32Array;

/** Scores `count` tensors that lie back to back in `data`, which it may take away from the caller. */
export type RunBatch = (bundleId: string, data: TensorData, count: number) => Promise<Float32Array>;

type InferenceResult = {
  /** One per tensor of the request, in its order. */
  scores: Float32Array;
  /** From the request until its first tensor was on the device, in ms. */
  batchWaitMs: number;
  /** Time on the device of all batches that held a tensor of the request, in ms. */
  inferMs: number;
  /** The request's share of it, by tensors. */
  deviceMs: number;
  /** Size of the largest of them. */
  batchSize: number;
};

export type BatchQueue = {
  /** Rejects when a batch fails that held one of the request's tensors. */
  infer(bundleId: string, data: TensorData, count: number): Promise<InferenceResult>;
};

type Request = {
  data: TensorData;
  count: number;
  /** Tensors that were handed to the device. */
  launched: number;
  /** Tensors whose score is known. */
  scored: number;
  scores: Float32Array;
  enqueuedMs: number;
  batchWaitMs: number;
  inferMs: number;
  deviceMs: number;
  batchSize: number;
  resolve: (result: InferenceResult) => void;
  reject: (error: unknown) => void;
};

/** Part of a batch: `count` tensors of a request, from its tensor `from` on. */
type Share = { request: Request; from: number; count: number };

/**
 * Feeds one device, one batch at a time. Whatever waits is launched as soon as the device is free, without a window:
 * a batch grows by itself while the one before it runs (measured: performance.md 4.2). Bundles take turns. A request
 * of many tensors may spread over several batches and share them with others.
 */
export function createBatchQueue(options: {
  run: RunBatch;
  /** Tensors per batch. */
  maxBatch: number;
  nowMs: () => number;
  onBatch?: (bundleId: string, size: number, elapsedMs: number) => void;
}): BatchQueue {
  const { run, maxBatch, nowMs } = options;
  /** Requests with tensors to launch, by bundle. A bundle goes to the end of the map when it had its turn. */
  const waiting = new Map<string, Request[]>();
  let lastBundleId: string | null = null;
  let isBusy = false;

  /** Takes the next batch off the bundle whose turn it is; null when nothing waits. */
  const takeBatch = (): { bundleId: string; shares: Share[] } | null => {
    const ids = [...waiting.keys()];
    // Not the last one again, although it may have been alone, and so in front, while the others arrived.
    const bundleId = ids.find((id) => id !== lastBundleId) ?? ids[0];
    if (bundleId === undefined) return null;
    lastBundleId = bundleId;
    const requests = waiting.get(bundleId)!;
    const shares: Share[] = [];
    let room = maxBatch;
    while (room > 0 && requests.length > 0) {
      const request = requests[0]!;
      const count = Math.min(room, request.count - request.launched);
      shares.push({ request, from: request.launched, count });
      request.launched += count;
      room -= count;
      if (request.launched === request.count) requests.shift();
    }
    waiting.delete(bundleId);
    if (requests.length > 0) waiting.set(bundleId, requests);
    return { bundleId, shares };
  };

  const drop = (bundleId: string, request: Request) => {
    const rest = waiting.get(bundleId)?.filter((other) => other !== request) ?? [];
    if (rest.length > 0) waiting.set(bundleId, rest);
    else waiting.delete(bundleId);
  };

  const launch = async (): Promise<void> => {
    const batch = isBusy ? null : takeBatch();
    if (batch === null) return;
    isBusy = true;
    const { bundleId, shares } = batch;
    const size = shares.reduce((sum, { count }) => sum + count, 0);
    const startMs = nowMs();
    for (const { request, from } of shares) if (from === 0) request.batchWaitMs = startMs - request.enqueuedMs;
    try {
      const scores = await run(bundleId, joinShares(shares), size);
      const elapsedMs = nowMs() - startMs;
      options.onBatch?.(bundleId, size, elapsedMs);
      if (scores.length !== size) throw new Error(`the device gave ${scores.length} scores for ${size} tensors`);
      isBusy = false;
      // The device first: it must not idle while the answers travel.
      void launch();
      deliver(shares, scores, elapsedMs, size);
    } catch (error) {
      isBusy = false;
      for (const { request } of shares) {
        drop(bundleId, request);
        request.reject(error);
      }
      void launch();
    }
  };

  return {
    infer: (bundleId, data, count) =>
      new Promise((resolve, reject) => {
        if (count < 1 || data.length % count !== 0) {
          throw new RangeError(`${data.length} values cannot be ${count} tensors`);
        }
        const request: Request = {
          data,
          count,
          launched: 0,
          scored: 0,
          scores: new Float32Array(count),
          enqueuedMs: nowMs(),
          batchWaitMs: 0,
          inferMs: 0,
          deviceMs: 0,
          batchSize: 0,
          resolve,
          reject,
        };
        const requests = waiting.get(bundleId);
        if (requests === undefined) waiting.set(bundleId, [request]);
        else requests.push(request);
        void launch();
      }),
  };
}

function joinShares(shares: Share[]): TensorData {
  const parts = shares.map(({ request, from, count }) => {
    const size = request.data.length / request.count;
    return request.data.subarray(from * size, (from + count) * size);
  });
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const joined = parts[0] instanceof Float32Array ? new Float32Array(length) : new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

function deliver(shares: Share[], scores: Float32Array, elapsedMs: number, size: number): void {
  let at = 0;
  for (const { request, from, count } of shares) {
    request.scores.set(scores.subarray(at, at + count), from);
    at += count;
    request.scored += count;
    request.inferMs += elapsedMs;
    request.deviceMs += (elapsedMs * count) / size;
    request.batchSize = Math.max(request.batchSize, size);
    if (request.scored === request.count) {
      const { batchWaitMs, inferMs, deviceMs, batchSize } = request;
      request.resolve({ scores: request.scores, batchWaitMs, inferMs, deviceMs, batchSize });
    }
  }
}
