import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Slot } from '@touchstone/shared/contracts/vocabulary';
import { createSeededRandom } from '@touchstone/fusion/seeded-random';
import { account, type Account } from '../account.ts';
import { openWebhookReceiver, type WebhookReceiver } from '../faults/webhook-receiver.ts';
import type { ChaosSystem } from '../system/chaos-system.ts';
import { collectTraces, type Collected } from './collect-traces.ts';
import { waitForDrain, type Drained } from './drain.ts';
import { makePicture } from './pictures.ts';
import { slowestOf, type SlowQuestion } from './slowest.ts';
import { createSubmitter, type Accepted, type Attempt, type Submission } from './submitter.ts';
import { watchAnswers } from './watcher.ts';

export type LoadOptions = {
  jobs: number;
  windowMs: number;
  seed: number;
  /** How long the system may take to come to rest; a minute unless told otherwise. */
  drainLimitMs?: number;
  /** What happens meanwhile; it has to be over soon after `windowOver` aborts. Outages are reported as they end. */
  faults(context: FaultContext): Promise<void>;
  pictureOf?: (number: number) => Promise<Uint8Array<ArrayBuffer>>;
  owed?: readonly Slot[];
  usesStoreClock?: boolean;
  /** Clients that send each question at the same time under one Idempotency-Key; 1 unless told otherwise. */
  copies?: number;
  /** What has to have happened before so many may have been sent; the rest of the window then moves back. */
  untilDue?(sent: number): Promise<void>;
  /** Progress of a long run. */
  onProgress?(accepted: number): void;
};

export type FaultContext = {
  windowOver: AbortSignal;
  windowMs: number;
  random: () => number;
  accepted: readonly Accepted[];
  /** Redis or the store is back. */
  outageEnded: () => void;
  note: (name: string, value: number) => void;
};

export type LoadResult = Account &
  Drained &
  Collected & {
    attempts: Attempt[];
    notFound: number;
    accepts: readonly Accepted[];
    slowest: SlowQuestion[];
    receiver: WebhookReceiver;
    /** What the faults have noted. */
    notes: Record<string, number>;
  };

const DRAIN_LIMIT_MS = 60_000;
/** How long clients go on trying after the window; what has no 202 by then was promised nothing. */
const LATE_CLIENTS_MS = 60_000;

/** Submits so many pictures over the window under faults, lets the system come to rest, and takes stock. */
export async function runLoad(system: ChaosSystem, options: LoadOptions): Promise<LoadResult> {
  const { jobs, windowMs, seed } = options;
  const random = createSeededRandom(seed);
  const arrivalsMs = Array.from({ length: jobs }, () => random() * windowMs).toSorted((a, b) => a - b);
  const receiver = await openWebhookReceiver(seed + 1);
  const submitter = createSubmitter(system.url);
  const accepted: Accepted[] = [];
  const outageEndsMs: number[] = [];
  const notes: Record<string, number> = {};
  const windowOver = new AbortController();
  const giveUp = new AbortController();
  const watcher = watchAnswers(system.url, accepted, createSeededRandom(seed + 2));
  try {
    const faults = options.faults({
      windowOver: windowOver.signal,
      windowMs,
      random: createSeededRandom(seed + 3),
      accepted,
      outageEnded: () => void outageEndsMs.push(Date.now()),
      note: (name, value) => void (notes[name] = (notes[name] ?? 0) + value),
    });
    faults.catch(() => undefined);
    const clients: Promise<void>[] = [];
    /** Any of the copies makes the promise; another id would be another one, and is noted. */
    const submitAll = async (submission: Submission) => {
      const sending = Array.from({ length: options.copies ?? 1 }, () => submitter.submit(submission, giveUp.signal));
      const answered = (await Promise.all(sending)).filter((one) => one !== null);
      if (answered[0] === undefined) return;
      const ids = new Set(answered.map(({ id }) => id));
      notes['other_ids'] = (notes['other_ids'] ?? 0) + ids.size - 1;
      accepted.push(answered[0]);
      options.onProgress?.(accepted.length);
    };
    let startMs = performance.now();
    const waitUntil = async (atMs: number, sent: number) => {
      const waitMs = atMs - (performance.now() - startMs);
      if (waitMs > 0) await delay(waitMs);
      const dueMs = performance.now();
      await options.untilDue?.(sent);
      startMs += performance.now() - dueMs;
    };
    for (const [number, atMs] of arrivalsMs.entries()) {
      const picture = await (options.pictureOf ?? makePicture)(number);
      await waitUntil(atMs, number);
      const client = submitAll({
        picture,
        externalId: `job-${number}`,
        webhookUrl: receiver.url,
        idempotencyKey: randomUUID(),
      });
      client.catch(() => undefined);
      clients.push(client);
    }
    await waitUntil(windowMs, jobs);
    windowOver.abort();
    await faults;
    const late = setTimeout(() => giveUp.abort(), LATE_CLIENTS_MS);
    await Promise.all(clients);
    clearTimeout(late);

    const drained = await waitForDrain(system.store.objects, options.drainLimitMs ?? DRAIN_LIMIT_MS);
    await system.untilReady();
    await watcher.stop();
    const collected = await collectTraces({
      accepted,
      objects: system.store.objects,
      watcher,
      receiver,
      ...(options.owed === undefined ? {} : { owed: options.owed }),
      usesStoreClock: options.usesStoreClock ?? false,
    });
    return {
      ...account(collected.traces, outageEndsMs),
      ...drained,
      ...collected,
      attempts: submitter.attempts,
      notFound: watcher.notFound(),
      accepts: accepted,
      slowest: await slowestOf(system.store.objects, collected.traces, outageEndsMs),
      receiver,
      notes,
    };
  } finally {
    giveUp.abort();
    await watcher.stop();
    await receiver.close();
  }
}
