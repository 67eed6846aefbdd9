import express from 'express';
import multer from 'multer';
import { loadBundle } from '@touchstone/models/load-bundle';
import { hardenDecoder } from '../../../packages/imaging/src/decode-image.ts';
import { inferenceBundleOf, planOf } from '../../../services/gpu-worker/src/adapters/load-slots.ts';
import type { RunBatch } from '../../../services/gpu-worker/src/core/batch-queue.ts';
import { openBundleRunner, warmBundle } from '../../../services/gpu-worker/src/inference/bundle-runner.ts';
import { openInferenceDevice } from '../../../services/gpu-worker/src/inference/open-inference-device.ts';
import type { DeviceSettings, InferenceBundle } from '../../../services/gpu-worker/src/inference/thread-messages.ts';
import { prepareImage } from '../../../services/gpu-worker/src/preparer/prepare-image.ts';
import { listenOnLoopback } from './listen-on-loopback.ts';
import { servePeer } from './serve-peer.ts';

/** Where the model runs: in the request, as in the system that Touchstone replaces, or on our inference thread. */
export type ModelPlace = 'request' | 'thread';
export type SyncPeerSetup = { bundlePath: string; intraOpThreads: number; modelPlace: ModelPlace };

/** Requests wait for the device inside it, so the limit is on the whole backlog. */
const BACKLOG_LIMIT_MS = 600_000;

const OPEN: Record<ModelPlace, (bundle: InferenceBundle, settings: DeviceSettings) => Promise<RunBatch>> = {
  async request(bundle, settings) {
    const runner = await openBundleRunner(bundle, settings);
    await warmBundle(runner, bundle, settings);
    return (_id, data, count) => runner.run(data, count);
  },
  async thread(bundle, settings) {
    const device = await openInferenceDevice({
      ...settings,
      bundles: [bundle],
      runTimeoutMs: BACKLOG_LIMIT_MS,
      onCrash: (error) => {
        throw error;
      },
    });
    return device.run;
  },
};

/**
 * The synchronous service: upload, preparation and model in one HTTP process, and the client waits for the answer. The
 * same preparation code, model, threads and session options as ours; no queue, no store, no child. Peer of R5.
 */
await servePeer(async ({ bundlePath, intraOpThreads, modelPlace }: SyncPeerSetup) => {
  hardenDecoder();
  const loaded = await loadBundle(bundlePath);
  if (!loaded.ok) throw new Error(loaded.problem.detail);
  const slot = { slot: 'distildire', bundle: loaded.bundle } as const;
  const plans = [planOf(slot)];
  const run = await OPEN[modelPlace](inferenceBundleOf(slot), { provider: 'cpu', deviceId: 0, intraOpThreads });
  const noFaces = {
    find: () => Promise.reject(new Error('a whole-image detector needs no faces')),
    close: async () => undefined,
  };
  const app = express().disable('x-powered-by').disable('etag');
  app.post('/detect', multer({ storage: multer.memoryStorage() }).single('image'), async (request, response) => {
    const { inputs } = await prepareImage(request.file!.buffer, 'image/jpeg', plans, noFaces);
    const [probability] = await run('distildire', inputs[0]!.data, 1);
    response.json({ probability });
  });
  app.get('/health', (_request, response) => void response.json({ status: 'ok' }));
  return { url: await listenOnLoopback(app) };
});
