import { join } from 'node:path';
import { writeTinyBundle } from '@touchstone/models/tiny-bundle';
import { makeBenchImage } from './bench-images.ts';
import { startBenchSystem } from './bench-system.ts';
import type { Method } from './bench-context.ts';
import { openDetectionClient } from './detection-client.ts';
import { poissonTimes, runOpenLoop } from './open-loop.ts';
import { startPeer } from './peer-process.ts';
import { median, percentile } from './percentile.ts';
import { runPipeline } from './r1-engine.ts';
import { runSlots } from './run-slots.ts';
import { short } from './table.ts';
import { openUploadClient } from './upload-client.ts';

const PER_SECOND = 20;
const MAX_EXTRA_MS = 10;

/** R3: how much longer the gateway takes to accept an image than the least that can take one, at the same open rate. */
export const measureSubmit: Method = async (context) => {
  context.say('R3: starting the system');
  const bundle = join(context.folder, 'null');
  await writeTinyBundle(bundle, { scope: 'whole-image' });
  const image = await makeBenchImage('512');
  const system = await startBenchSystem(context.folder, bundle);
  const client = await openDetectionClient(system, image);
  const peer = await startPeer('bare-handler', {});
  const bare = openUploadClient(peer.url, image, 30_000);
  const run = async (seed: number, seconds: number) => {
    const times = poissonTimes(PER_SECOND, seconds, seed);
    const gatewayMs: number[] = [];
    const bareMs: number[] = [];
    let failed = await runOpenLoop(times, async (dueMs) => {
      const id = await client.submit();
      gatewayMs.push(performance.now() - dueMs);
      // The bare handler's turn begins when the worker has nothing left to do.
      await client.verdictOf(id);
    });
    failed += await runOpenLoop(times, async (dueMs) => {
      await bare.post('/');
      bareMs.push(performance.now() - dueMs);
    });
    if (failed > 0) throw new Error(`R3: ${failed} requests failed`);
    return { gatewayMs, bareMs };
  };
  try {
    await runPipeline(system, client, context.isQuick ? 10 : 300, 4);
    await run(1_000, 1);
    const { slots, loads } = await runSlots(context.slots, async (i) => {
      context.say(`R3: slot ${i + 1} of ${context.slots}`);
      return await run(i, context.isQuick ? 1 : 8);
    });
    system.assertUnbroken();
    const at = (share: number, pick: (slot: (typeof slots)[number]) => number[]) =>
      short(median(slots.map((slot) => percentile(pick(slot), share))));
    return [
      {
        id: 'R3',
        title: 'submit, p50 beyond the bare handler',
        figures: [
          {
            name: '',
            unit: 'ms',
            target: { relation: '<=', limit: MAX_EXTRA_MS },
            slots: slots.map(({ gatewayMs, bareMs }) => median(gatewayMs) - median(bareMs)),
          },
        ],
        loads,
        notes: [
          `512 px at ${PER_SECOND}/s, p50 / p99: gateway ${at(0.5, (slot) => slot.gatewayMs)} / ` +
            `${at(0.99, (slot) => slot.gatewayMs)} ms, bare ${at(0.5, (slot) => slot.bareMs)} / ` +
            `${at(0.99, (slot) => slot.bareMs)} ms`,
        ],
      },
    ];
  } finally {
    bare.close();
    await peer.stop();
    await client.close();
    await system.stop();
  }
};
