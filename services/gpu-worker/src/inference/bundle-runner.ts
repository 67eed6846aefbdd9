import { InferenceSession, Tensor } from 'onnxruntime-node';
import { makeGoldenTensor } from '@touchstone/models/golden-inputs';
import type { TensorData } from '../core/batch-queue.ts';
import { decodeOutput } from './decode-output.ts';
import { sessionOptions } from './session-options.ts';
import type { DeviceSettings, InferenceBundle } from './thread-messages.ts';

export type BundleRunner = {
  run(data: TensorData, count: number): Promise<Float32Array>;
  release(): Promise<void>;
};

/**
 * Loads the graphs of a bundle. Intermediate values stay tensors and go from graph to graph under the manifest's
 * names. A GPU plans anew for every shape that it has not seen, so there a batch is padded to the next bucket.
 */
export async function openBundleRunner(bundle: InferenceBundle, settings: DeviceSettings): Promise<BundleRunner> {
  const { manifest } = bundle;
  const { tensor, runtime } = manifest;
  const sessions: InferenceSession[] = [];
  for (const [i, path] of bundle.graphPaths.entries()) {
    const graph = manifest.graphs[i]!;
    const session = await InferenceSession.create(path, sessionOptions(settings)).catch((error: unknown) => {
      // The reason may name folders, so it is for the log and not for the message, which clients may see.
      throw new Error(`onnxruntime cannot load ${graph.file}`, { cause: error });
    });
    sessions.push(session);
    assertNames(graph.file, 'input', session.inputNames, Object.keys(graph.inputs));
    assertNames(graph.file, 'output', session.outputNames, Object.keys(graph.outputs));
  }
  const valuesPerImage = tensor.width * tensor.height * 3;
  const maxBatch = runtime.batch_buckets.at(-1)!;
  const paddedCount = (count: number) =>
    settings.provider === 'cpu' ? count : runtime.batch_buckets.find((bucket) => bucket >= count)!;

  const runBatch = async (data: TensorData, count: number): Promise<Float32Array> => {
    const padded = paddedCount(count);
    const values = new Map([['image', imageTensor(tensor, padTo(data, padded * valuesPerImage), padded)]]);
    for (const [i, graph] of manifest.graphs.entries()) {
      const feeds = Object.fromEntries(Object.entries(graph.inputs).map(([own, name]) => [own, values.get(name)!]));
      const results = await sessions[i]!.run(feeds, Object.keys(graph.outputs));
      for (const [own, name] of Object.entries(graph.outputs)) values.set(name, results[own]!);
    }
    const last = values.get(manifest.output.value)!;
    if (last.type !== 'float32') throw new Error(`${manifest.output.value} is ${last.type}, not float32`);
    return decodeOutput(last.data as Float32Array, padded, manifest.output).subarray(0, count);
  };

  return {
    async run(data, count) {
      if (data.length !== count * valuesPerImage) {
        throw new Error(`${data.length} values are not ${count} images of ${tensor.width} x ${tensor.height}`);
      }
      const scores = new Float32Array(count);
      for (let at = 0; at < count; at += maxBatch) {
        const size = Math.min(maxBatch, count - at);
        scores.set(await runBatch(data.subarray(at * valuesPerImage, (at + size) * valuesPerImage), size), at);
      }
      return scores;
    },
    async release() {
      for (const session of sessions) await session.release();
    },
  };
}

/**
 * Runs the golden vectors, then every batch size that will occur, and gives the time of one warm run of one image in
 * ms. Throws when an answer differs from what the bundle was measured with.
 */
export async function warmBundle(
  runner: BundleRunner,
  { manifest }: InferenceBundle,
  { provider, maxBatch = 1 }: DeviceSettings,
): Promise<number> {
  for (const { input, probability, tolerance } of manifest.golden) {
    const [score] = await runner.run(makeGoldenTensor(input, manifest.tensor), 1);
    if (!(Math.abs(score! - probability) <= tolerance)) {
      throw new Error(
        `golden vector ${input} gave ${score!.toFixed(4)} instead of ${probability.toFixed(4)}: ` +
          'this machine does not compute the bundle as it was measured',
      );
    }
  }
  const image = makeGoldenTensor(manifest.golden[0]!.input, manifest.tensor);
  const buckets = manifest.runtime.batch_buckets;
  for (const size of provider === 'cpu' ? [Math.min(maxBatch, buckets.at(-1)!)] : buckets) {
    await runner.run(padTo(image, size * image.length), size).catch((error: unknown) => {
      throw new Error(`its graphs cannot run a batch of ${size}: leave their batch size free`, { cause: error });
    });
  }
  const startMs = performance.now();
  await runner.run(image, 1);
  return performance.now() - startMs;
}

function assertNames(file: string, what: string, found: readonly string[], wanted: string[]): void {
  const missing = wanted.find((name) => !found.includes(name));
  if (missing !== undefined) throw new Error(`${file} has no ${what} ${missing}; it has ${found.join(', ')}`);
}

function imageTensor(
  spec: InferenceBundle['manifest']['tensor'],
  data: TensorData,
  count: number,
): InferenceSession.OnnxValueMapType[string] {
  if (spec.type === 'uint8') {
    return new Tensor('uint8', data as Uint8Array, [count, spec.height, spec.width, 3]);
  }
  return new Tensor('float32', data as Float32Array, [count, 3, spec.height, spec.width]);
}

/** The values with zeros behind them; the same array when nothing is missing. */
function padTo(data: TensorData, length: number): TensorData {
  if (data.length === length) return data;
  const padded = data instanceof Float32Array ? new Float32Array(length) : new Uint8Array(length);
  padded.set(data);
  return padded;
}
