import { FlowProducer, type FlowJob } from 'bullmq';
import { Redis } from 'ioredis';
import { fork } from 'node:child_process';
import { mkdir, mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { childEntry } from '@touchstone/shared/process/child-entry';
import { settlesWithin } from '@touchstone/shared/process/settle-within';
import { createSeededRandom } from '@touchstone/fusion/seeded-random';
import { account, type Trace } from '../account.ts';
import { killRoles } from '../faults/kill-roles.ts';
import { flushAll, losePower, spread } from '../faults/redis-faults.ts';
import { openWebhookReceiver } from '../faults/webhook-receiver.ts';
import type { FaultContext } from '../load/run-load.ts';
import type { Judged } from '../report.ts';
import type { PeerFaults } from '../scenario.ts';
import { openChaosRedis } from '../system/chaos-redis.ts';
import { keepRole } from '../system/kept-role.ts';
import { PLAIN, PLAIN_RETRIES, type PlainRole, type PlainSetup } from './plain-messages.ts';

const ROLES: readonly PlainRole[] = ['detector', 'judge', 'merger'];
const ADD_LIMIT_MS = 5_000;
const POWER_LOSSES = 3;
const SETTLE_LIMIT_MS = 120_000;
/** Its lock and its stalled check take up to 30 s each: when nothing came for so long, nothing will. */
const QUIET_MS = 65_000;

/**
 * Plain BullMQ with retries and without an outbox, under the same arrivals, receiver and faults. `startupMs` is that of
 * our own roles: both are killed as often. Its verdicts are what its receiver hears.
 */
export async function runPeer(options: {
  folder: string;
  jobs: number;
  windowMs: number;
  seed: number;
  faults: PeerFaults;
  startupMs: number;
}): Promise<{ load: Judged; facts: Record<string, unknown> }> {
  const { jobs, windowMs, seed } = options;
  const folder = await mkdtemp(join(options.folder, 'peer-'));
  await mkdir(join(folder, 'redis'));
  const redis = await openChaosRedis(folder, join(folder, 'redis'));
  const receiver = await openWebhookReceiver(seed + 1);
  const roles = ROLES.map((role) => keepRole(role, join(folder, `${role}.log`), () => launch(role)));
  function launch(role: PlainRole) {
    const setup: PlainSetup = { role, redisUrl: redis.url, hookUrl: receiver.url };
    const child = fork(childEntry(import.meta, 'plain-worker.child'), [JSON.stringify(setup)], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      detached: true,
    });
    const ready = new Promise<Record<string, string>>((resolve) => child.once('message', () => resolve({})));
    return { child, ready };
  }
  const connection = new Redis(redis.url, { maxRetriesPerRequest: null });
  connection.on('error', () => undefined);
  const flows = new FlowProducer({ connection });
  flows.on('error', () => undefined);
  const notes: Record<string, number> = {};
  const outageEndsMs: number[] = [];
  const windowOver = new AbortController();
  const context: Pick<FaultContext, 'windowMs' | 'outageEnded' | 'note'> = {
    windowMs,
    outageEnded: () => void outageEndsMs.push(Date.now()),
    note: (name, value) => void (notes[name] = (notes[name] ?? 0) + value),
  };
  const faults = {
    async kills() {
      context.note('kills', await killRoles(roles, { seed, until: windowOver.signal, startupMs: options.startupMs }));
    },
    'power-losses': () => spread(context, POWER_LOSSES, () => losePower(redis, context)),
    flush: () => spread(context, 1, () => flushAll(redis, context)),
  };
  try {
    await Promise.all(roles.map((role) => role.untilReady()));
    const random = createSeededRandom(seed);
    const arrivalsMs = Array.from({ length: jobs }, () => random() * windowMs).toSorted((a, b) => a - b);
    const accepted: { id: string; acceptedMs: number }[] = [];
    const failing = faults[options.faults]();
    const startMs = performance.now();
    const adds: Promise<void>[] = [];
    for (const [number, atMs] of arrivalsMs.entries()) {
      await delay(Math.max(0, atMs - (performance.now() - startMs)));
      const id = `peer-${number}`;
      const added = settlesWithin(ADD_LIMIT_MS, flows.add(flowOf(id)));
      adds.push(added.then((isAdded) => void (isAdded && accepted.push({ id, acceptedMs: Date.now() }))));
    }
    await Promise.all(adds);
    windowOver.abort();
    await failing;

    const endMs = performance.now();
    const told = () => accepted.filter(({ id }) => receiver.deliveries.get(id)?.some((one) => one.isAccepted)).length;
    let last = { count: -1, atMs: endMs };
    while (last.count < accepted.length && performance.now() - endMs < SETTLE_LIMIT_MS) {
      const count = told();
      if (count !== last.count) last = { count, atMs: performance.now() };
      else if (performance.now() - last.atMs > QUIET_MS) break;
      await delay(200);
    }
    const traces = accepted.map(({ id, acceptedMs }): Trace => {
      const deliveries = (receiver.deliveries.get(id) ?? []).filter(({ isAccepted }) => isAccepted);
      const views = deliveries.map(({ sha256 }) => ({ way: 'webhook' as const, sha256, statement: sha256 }));
      return { id, acceptedMs, verdictMs: deliveries[0]?.atMs ?? null, missing: [], views, deliveries };
    });
    const drainMs = Math.max(0, Math.round(last.atMs - endMs));
    return {
      load: { ...account(traces, outageEndsMs), drainMs, webhookDrainMs: drainMs, notFound: 0, slowest: [] },
      facts: notes,
    };
  } finally {
    windowOver.abort();
    await Promise.all(roles.map((role) => role.stop(0)));
    connection.disconnect();
    await redis.close();
    await receiver.close();
  }
}

function flowOf(id: string): FlowJob {
  const child = (queueName: string, name: string): FlowJob => ({ queueName, name, data: { id }, opts: PLAIN_RETRIES });
  return {
    queueName: PLAIN.merger,
    name: 'merge',
    data: { id },
    opts: PLAIN_RETRIES,
    children: [child(PLAIN.detector, 'sbi'), child(PLAIN.detector, 'distildire'), child(PLAIN.judge, 'llm')],
  };
}
