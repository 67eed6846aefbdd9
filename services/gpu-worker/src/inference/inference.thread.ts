import { parentPort, workerData } from 'node:worker_threads';
import { asError } from '@touchstone/shared/process/error-code';
import { openBundleRunner, warmBundle, type BundleRunner } from './bundle-runner.ts';
import { probeProvider } from './probe-provider.ts';
import type { BundleReport, FromThread, InferenceBundle, ThreadData, ToThread } from './thread-messages.ts';

/**
 * The thread that owns every onnxruntime session of one device. `session.run()` blocks the thread it is called on
 * (performance.md 1), so nothing else may live here, and no session may live elsewhere.
 */
const settings = workerData as ThreadData;
const port = parentPort!;
const runners = new Map<string, BundleRunner>();
const send = (message: FromThread, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);

async function prepareBundle(bundle: InferenceBundle): Promise<BundleReport> {
  let runner: BundleRunner | undefined;
  try {
    runner = await openBundleRunner(bundle, settings);
    const warmMs = await warmBundle(runner, bundle, settings);
    runners.set(bundle.id, runner);
    return { id: bundle.id, provider: settings.provider, warmMs, problem: null, cause: null };
  } catch (error) {
    await runner?.release();
    const { message, cause } = asError(error);
    const reason = cause === undefined ? null : asError(cause).message;
    return { id: bundle.id, provider: null, warmMs: null, problem: message, cause: reason };
  }
}

async function runOne({ runId, bundleId, data, count }: Extract<ToThread, { type: 'run' }>): Promise<void> {
  try {
    const runner = runners.get(bundleId);
    if (runner === undefined) throw new Error(`no usable bundle ${bundleId}`);
    const scores = await runner.run(data, count);
    send({ type: 'scores', runId, scores }, [scores.buffer as ArrayBuffer]);
  } catch (error) {
    send({ type: 'failed', runId, message: asError(error).message });
  }
}

async function close(): Promise<void> {
  for (const runner of runners.values()) await runner.release();
  port.close();
}

try {
  await probeProvider(settings);
  const reports: BundleReport[] = [];
  for (const bundle of settings.bundles) reports.push(await prepareBundle(bundle));
  send({ type: 'ready', reports });
  port.on('message', (message: ToThread) => void (message.type === 'run' ? runOne(message) : close()));
} catch (error) {
  send({ type: 'unusable', message: asError(error).message });
}
