import type { Method } from './bench-context.ts';
import { EMULATED_DEVICE, feedWorker, idealPerSecond, MAX_BATCH } from './feed-worker.ts';
import { median } from './percentile.ts';
import { describeDevice, writeFeedBundle } from './r2-device-feed.ts';
import { runSlots } from './run-slots.ts';
import { short } from './table.ts';

/** R7: images per second with batches of up to eight over those one by one, through the same worker and device. */
export const measureBatching: Method = async (context) => {
  context.say('R7: batching');
  const bundle = await writeFeedBundle(context);
  const isReal = context.provider === 'cuda';
  const device = isReal ? null : EMULATED_DEVICE;
  const feed = async (maxBatch: number, count: number) =>
    await feedWorker(context, { bundle, maxBatch, device, count: context.isQuick ? 24 : count });
  const { slots, loads } = await runSlots(context.slots, async (i) => {
    context.say(`R7: slot ${i + 1} of ${context.slots}`);
    return { alone: (await feed(1, 180)).perSecond, batched: (await feed(MAX_BATCH, 600)).perSecond };
  });
  const gain = idealPerSecond(EMULATED_DEVICE, MAX_BATCH) / idealPerSecond(EMULATED_DEVICE, 1);
  return [
    {
      id: 'R7',
      title: 'batching, batched / one by one',
      figures: [
        {
          name: '',
          unit: '',
          target: { relation: '>=', limit: 3 },
          slots: slots.map(({ alone, batched }) => batched / alone),
        },
      ],
      loads,
      notes: [
        `${isReal ? 'real device' : `${describeDevice()}, whose own gain is ${short(gain)}`}: ` +
          `${short(median(slots.map(({ batched }) => batched)))} against ` +
          `${short(median(slots.map(({ alone }) => alone)))} img/s`,
      ],
    },
  ];
};
