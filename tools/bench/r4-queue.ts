import { randomUUID } from 'node:crypto';
import type { Method } from './bench-context.ts';
import { median } from './percentile.ts';
import { bareFlows, CONCURRENCY, ourFlows, timeFlows } from './queue-flows.ts';
import { runSlots } from './run-slots.ts';
import { short } from './table.ts';

/**
 * R4: jobs per second of our queue with handlers that do nothing over those of bare BullMQ with flows of the same shape
 * and options. Each slot runs the two in turns, and the order changes from slot to slot.
 */
export const measureQueue: Method = async (context) => {
  context.say('R4: queue');
  const count = context.isQuick ? 50 : 1_000;
  const time = async (side: typeof ourFlows) =>
    await timeFlows(side, context.redisUrl, `flows-${randomUUID().slice(0, 8)}`, count);
  // Both compile in the first run, which counts for neither.
  await time(bareFlows);
  await time(ourFlows);
  const { slots, loads } = await runSlots(context.slots, async (i) => {
    context.say(`R4: slot ${i + 1} of ${context.slots}`);
    const first = i % 2 === 0 ? await time(bareFlows) : null;
    const ours = await time(ourFlows);
    return { ours, bare: first ?? (await time(bareFlows)) };
  });
  return [
    {
      id: 'R4',
      title: 'queue, jobs of ours / bare BullMQ',
      figures: [
        {
          name: '',
          unit: '',
          target: { relation: '>=', limit: 0.8 },
          slots: slots.map(({ ours, bare }) => ours / bare),
        },
      ],
      loads,
      notes: [
        `${short(median(slots.map(({ ours }) => ours)))} against ${short(median(slots.map(({ bare }) => bare)))} jobs/s, ` +
          `concurrency ${CONCURRENCY}, ${count} flows of a parent and a child`,
      ],
    },
  ];
};
