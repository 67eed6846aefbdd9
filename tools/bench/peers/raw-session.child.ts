import { InferenceSession, Tensor } from 'onnxruntime-node';
import { sessionOptions } from '../../../services/gpu-worker/src/inference/session-options.ts';
import { servePeer } from './serve-peer.ts';

export type RawSessionSetup = {
  graphPath: string;
  /** One image as rows of RGB pixels; repeated to fill a batch. */
  pixels: Uint8Array;
  sidePx: number;
  batch: number;
  provider: 'cpu' | 'cuda';
  intraOpThreads: number;
};
export type RawRun = { perSecond: number; cpuMsPerImage: number };

/**
 * What the model alone can do: `session.run` in a loop, with the worker's own session options, on a thread that does
 * nothing else (the main one of this process, so that its CPU time can be told). Peer of R1, and of R2 on a GPU.
 */
await servePeer(async ({ graphPath, pixels, sidePx, batch, ...device }: RawSessionSetup) => {
  const session = await InferenceSession.create(graphPath, sessionOptions({ ...device, deviceId: 0 }));
  const input = new Uint8Array(batch * pixels.length);
  for (let i = 0; i < batch; i++) input.set(pixels, i * pixels.length);
  const run = () => session.run({ image: new Tensor('uint8', input, [batch, sidePx, sidePx, 3]) });
  await run();
  await run();
  return {
    async answer({ seconds }: { seconds: number }): Promise<RawRun> {
      const cpu = process.cpuUsage();
      const startMs = performance.now();
      let images = 0;
      let elapsedMs = 0;
      while (elapsedMs < seconds * 1_000) {
        await run();
        images += batch;
        elapsedMs = performance.now() - startMs;
      }
      const { user, system } = process.cpuUsage(cpu);
      return { perSecond: (images * 1_000) / elapsedMs, cpuMsPerImage: (user + system) / 1_000 / images };
    },
  };
});
