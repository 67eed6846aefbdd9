import { Worker, type ConnectionOptions } from 'bullmq';
import { Redis } from 'ioredis';
import { setTimeout as delay } from 'node:timers/promises';
import { PLAIN, type PlainSetup } from './plain-messages.ts';

/**
 * A worker as its users write it: retries, settings of BullMQ's own, results in Redis, the webhook sent by the last job.
 * What it computes are pauses of our length and chance: a second run of a job gives another answer.
 */
const setup = JSON.parse(process.argv[2]!) as PlainSetup;
process.on('disconnect', () => process.exit(0));
const open = (): ConnectionOptions => {
  const redis = new Redis(setup.redisUrl, { maxRetriesPerRequest: null });
  redis.on('error', () => undefined);
  return redis;
};
const pause = (from: number, to: number) => delay(from + Math.random() * (to - from));

const handlers = {
  async detector() {
    await pause(20, 60);
    return Math.random();
  },
  async judge() {
    await pause(20, 80);
    // The bad days of moody-judge.ts.
    const draw = Math.random();
    if (draw < 0.15) throw new Error(draw < 0.1 ? '429' : '500');
    if (draw < 0.17) {
      await delay(1_000);
      throw new Error('timed out');
    }
    return Math.random();
  },
};

const worker =
  setup.role === 'merger'
    ? new Worker(
        PLAIN.merger,
        async (job) => {
          const scores = Object.values(await job.getChildrenValues<number>());
          const id = String(job.data.id);
          const score = scores.reduce((sum, value) => sum + value, 0) / scores.length;
          const answer = await fetch(setup.hookUrl, {
            method: 'POST',
            headers: { 'webhook-id': id },
            body: JSON.stringify({ data: { id, score, detectors: scores.length } }),
            signal: AbortSignal.timeout(2_000),
          });
          if (!answer.ok) throw new Error(`the receiver answered ${answer.status}`);
        },
        { connection: open(), concurrency: 8 },
      )
    : new Worker(PLAIN[setup.role], handlers[setup.role], {
        connection: open(),
        concurrency: setup.role === 'judge' ? 8 : 2,
      });
worker.on('error', () => undefined);
await worker.waitUntilReady();
process.send?.({ type: 'ready', addresses: {} });
