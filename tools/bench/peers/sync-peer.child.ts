import express from 'express';
import multer from 'multer';
import { loadBundle } from '@touchstone/models/load-bundle';
import { hardenDecoder } from '../../../packages/imaging/src/decode-image.ts';
import { inferenceBundleOf, planOf } from '../../../services/gpu-worker/src/adapters/load-slots.ts';
import { openInferenceDevice } from '../../../services/gpu-worker/src/inference/open-inference-device.ts';
import { prepareImage } from '../../../services/gpu-worker/src/preparer/prepare-image.ts';
import { listenOnLoopback } from './listen-on-loopback.ts';
import { servePeer } from './serve-peer.ts';

export type SyncPeerSetup = { bundlePath: string; intraOpThreads: number };

/** Requests wait for the device inside it, so the limit is on the whole backlog. */
const BACKLOG_LIMIT_MS = 600_000;

/**
 * The synchronous service: upload, preparation and model in one HTTP process, and the client waits for the answer. The
 * same preparation code, model and inference thread as ours; no queue, no store, no child. Peer of R5.
 */
await servePeer(async ({ bundlePath, intraOpThreads }: SyncPeerSetup) => {
  hardenDecoder();
  const loaded = await loadBundle(bundlePath);
  if (!loaded.ok) throw new Error(loaded.problem.detail);
  const slot = { slot: 'distildire', bundle: loaded.bundle } as const;
  const plans = [planOf(slot)];
  const device = await openInferenceDevice({
    provider: 'cpu',
    deviceId: 0,
    intraOpThreads,
    bundles: [inferenceBundleOf(slot)],
    runTimeoutMs: BACKLOG_LIMIT_MS,
    onCrash: (error) => {
      throw error;
    },
  });
  const noFaces = {
    find: () => Promise.reject(new Error('a whole-image detector needs no faces')),
    close: async () => undefined,
  };
  const app = express().disable('x-powered-by').disable('etag');
  app.post('/detect', multer({ storage: multer.memoryStorage() }).single('image'), async (request, response) => {
    const { inputs } = await prepareImage(request.file!.buffer, 'image/jpeg', plans, noFaces);
    const [probability] = await device.run('distildire', inputs[0]!.data, 1);
    response.json({ probability });
  });
  app.get('/health', (_request, response) => void response.json({ status: 'ok' }));
  return { url: await listenOnLoopback(app) };
});
