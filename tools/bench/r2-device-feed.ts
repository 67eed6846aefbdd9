import { join } from 'node:path';
import { writeTinyBundle } from '@touchstone/models/tiny-bundle';
import type { BenchContext, Method } from './bench-context.ts';
import { EMULATED_DEVICE, feedWorker, idealPerSecond, MAX_BATCH } from './feed-worker.ts';
import { median } from './percentile.ts';
import { startRawSession, writeEngineBundle } from './r1-engine.ts';
import { runSlots } from './run-slots.ts';
import { short } from './table.ts';

/** The bundle that the worker loads: on an emulated device its graph never runs. */
export async function writeFeedBundle(context: BenchContext): Promise<string> {
  if (context.provider === 'cuda') return await writeEngineBundle(context);
  const folder = join(context.folder, 'null');
  await writeTinyBundle(folder, { scope: 'whole-image' });
  return folder;
}

/**
 * R2: images per second of a device behind the real queue, worker and batcher over what it could do with full batches;
 * on a GPU that is the raw loop with batches of eight.
 */
export const measureDeviceFeed: Method = async (context) => {
  context.say('R2: device feed');
  const bundle = await writeFeedBundle(context);
  const isReal = context.provider === 'cuda';
  const raw = isReal ? await startRawSession(context, bundle, MAX_BATCH) : null;
  const count = context.isQuick ? 40 : 900;
  const device = isReal ? null : EMULATED_DEVICE;
  try {
    const { slots, loads } = await runSlots(context.slots, async (i) => {
      context.say(`R2: slot ${i + 1} of ${context.slots}`);
      const ideal =
        raw === null ? idealPerSecond(EMULATED_DEVICE, MAX_BATCH) : (await raw.ask({ seconds: 5 })).perSecond;
      return { ideal, feed: await feedWorker(context, { bundle, maxBatch: MAX_BATCH, device, count }) };
    });
    const middle = (pick: (slot: (typeof slots)[number]) => number) => short(median(slots.map(pick)));
    return [
      {
        id: 'R2',
        title: 'device feed, worker / ideal',
        figures: [
          {
            name: '',
            unit: '',
            target: { relation: '>=', limit: 0.95 },
            slots: slots.map(({ feed, ideal }) => feed.perSecond / ideal),
          },
        ],
        loads,
        notes: [
          `${isReal ? 'real device' : describeDevice()}: ${middle(({ feed }) => feed.perSecond)} of ` +
            `${middle(({ ideal }) => ideal)} img/s, mean batch ${middle(({ feed }) => feed.meanBatch)} of ${MAX_BATCH}, ` +
            `device busy ${middle(({ feed }) => feed.busy)}, worker ${middle(({ feed }) => feed.cpuMsPerImage)} CPU-ms per image`,
        ],
      },
    ];
  } finally {
    await raw?.stop();
  }
};

export const describeDevice = (): string =>
  `emulated device, ${EMULATED_DEVICE.fixedMs} + ${EMULATED_DEVICE.perImageMs} n ms`;
