import { makeBenchImage } from './bench-images.ts';
import { startBenchSystem, type BenchSystem } from './bench-system.ts';
import type { BenchContext, Method } from './bench-context.ts';
import { runClosedLoop } from './closed-loop.ts';
import { openDetectionClient } from './detection-client.ts';
import { poissonTimes, runOpenLoop } from './open-loop.ts';
import { startPeer } from './peer-process.ts';
import type { SyncPeerSetup } from './peers/sync-peer.child.ts';
import { median, percentile } from './percentile.ts';
import { startRawSession, writeEngineBundle } from './r1-engine.ts';
import { runSlots } from './run-slots.ts';
import { short } from './table.ts';
import { openUploadClient } from './upload-client.ts';

const LOADS = [0.7, 1, 1.5] as const;
const PROBE_EVERY_MS = 100;
/** The peer answers nobody before it has worked off those in front. */
const PEER_TIMEOUT_MS = 180_000;

/** Something that takes images; `one` tells when the request was accepted and resolves when the answer is there. */
type Side = {
  one(onAccepted: () => void): Promise<void>;
  getHealth(): Promise<void>;
  close(): Promise<void>;
};
const SIDES = ['ours', 'peer', 'peer with a thread'] as const;
type SideName = (typeof SIDES)[number];
type LoadRun = { submitMs: number[]; doneMs: number[]; healthMs: number[]; lost: number };

/**
 * R5: what clients see below, at and above the capacity of the model: ours and a synchronous service with the same
 * preparation, model and threads, asked at the same Poisson moments. Latency counts from when a request was due.
 *
 * The peer has the shape of the system that Touchstone replaces: the model runs in the request. One that hands it to
 * our inference thread is measured beside it, without a target: it keeps nothing that it accepts, and waits for no disk.
 */
export const measureOverload: Method = async (context) => {
  context.say('R5: writing the model and starting the system');
  const bundle = await writeEngineBundle(context);
  const image = await makeBenchImage('512');
  const perSecond = await rawCapacity(context, bundle);
  const system = await startBenchSystem(context.folder, bundle);
  const setup = { bundlePath: bundle, intraOpThreads: context.intraOpThreads };
  const sides: Record<SideName, Side> = {
    ours: await openOurs(system, image),
    peer: await openPeer({ ...setup, modelPlace: 'request' }, image),
    'peer with a thread': await openPeer({ ...setup, modelPlace: 'thread' }, image),
  };
  try {
    context.say('R5: warming up');
    for (const side of Object.values(sides)) {
      const warmUp = { clients: 4, warmUp: 4, count: context.isQuick ? 4 : 60 };
      await runClosedLoop({ ...warmUp, one: () => side.one(() => undefined) });
    }
    const { slots, loads } = await runSlots(context.slots, async (i) => {
      const runs: { load: number; by: Record<SideName, LoadRun> }[] = [];
      for (const load of LOADS) {
        context.say(`R5: slot ${i + 1} of ${context.slots}, ${load} of capacity`);
        const times = poissonTimes(load * perSecond, context.isQuick ? 1 : 10, 10 * i + load);
        const by = {} as Record<SideName, LoadRun>;
        for (const name of SIDES) by[name] = await runLoad(sides[name], times);
        runs.push({ load, by });
      }
      return runs;
    });
    system.assertUnbroken();
    const at = (load: number) => slots.map((runs) => runs.find((run) => run.load === load)!.by);
    const p99 = (values: number[]) => percentile(values, 0.99);
    const describe = (load: number, side: SideName) => {
      const middle = (pick: (run: LoadRun) => number) => short(median(at(load).map((by) => pick(by[side]))));
      const lost = at(load).reduce((sum, by) => sum + by[side].lost, 0);
      return (
        `${load}x ${side}: submit ${middle((run) => median(run.submitMs))} / ` +
        `${middle((run) => p99(run.submitMs))}, done ${middle((run) => median(run.doneMs))} / ` +
        `${middle((run) => p99(run.doneMs))}, /health ${middle((run) => median(run.healthMs))} / ` +
        `${middle((run) => p99(run.healthMs))} ms, lost ${lost}`
      );
    };
    const doneOver = (side: SideName) => at(0.7).map((by) => p99(by.ours.doneMs) / p99(by[side].doneMs));
    return [
      {
        id: 'R5',
        title: 'overload',
        figures: [
          {
            name: 'submit p99 at 1.5x',
            unit: 'ms',
            target: { relation: '<', limit: 150 },
            slots: at(1.5).map((by) => p99(by.ours.submitMs)),
          },
          {
            name: '/health p50 at 1.5x',
            unit: 'ms',
            target: { relation: '<', limit: 50 },
            slots: at(1.5).map((by) => median(by.ours.healthMs)),
          },
          {
            name: 'lost in all',
            unit: '',
            target: { relation: '<=', limit: 0 },
            slots: [LOADS.flatMap(at).reduce((sum, by) => sum + by.ours.lost, 0)],
          },
          {
            name: 'done p99 at 0.7x over the peer',
            unit: '',
            target: { relation: '<=', limit: 1 },
            slots: doneOver('peer'),
          },
        ],
        loads,
        notes: [
          `capacity of the raw loop ${short(perSecond)} img/s; p50 / p99, medians of the slots:`,
          ...LOADS.flatMap((load) => SIDES.map((side) => describe(load, side))),
          `done p99 at 0.7x over the peer with a thread: ${doneOver('peer with a thread').map(short).join(' ')}`,
        ],
      },
    ];
  } finally {
    await Promise.allSettled(Object.values(sides).map((side) => side.close()));
    await system.stop();
  }
};

async function openOurs(system: BenchSystem, image: Uint8Array): Promise<Side> {
  const client = await openDetectionClient(system, image);
  return {
    async one(onAccepted) {
      const id = await client.submit();
      onAccepted();
      await client.verdictOf(id);
    },
    getHealth: () => client.getHealth(),
    close: () => client.close(),
  };
}

async function openPeer(setup: SyncPeerSetup, image: Uint8Array): Promise<Side> {
  const peer = await startPeer('sync-peer', setup);
  const http = openUploadClient(peer.url, image, PEER_TIMEOUT_MS);
  return {
    async one(onAccepted) {
      await http.post('/detect');
      onAccepted();
    },
    getHealth: () => http.get('/health'),
    async close() {
      http.close();
      await peer.stop();
    },
  };
}

async function rawCapacity(context: BenchContext, bundle: string): Promise<number> {
  const raw = await startRawSession(context, bundle, 1);
  try {
    return (await raw.ask({ seconds: context.isQuick ? 0.5 : 6 })).perSecond;
  } finally {
    await raw.stop();
  }
}

/** One open loop with probes of /health as long as requests are sent. Whatever rejects is lost. */
async function runLoad(side: Side, times: readonly number[]): Promise<LoadRun> {
  const run: LoadRun = { submitMs: [], doneMs: [], healthMs: [], lost: 0 };
  const probes: Promise<void>[] = [];
  const probe = async () => {
    const startMs = performance.now();
    const isAnswered = await side.getHealth().then(
      () => true,
      () => false,
    );
    run.healthMs.push(isAnswered ? performance.now() - startMs : Infinity);
  };
  const timer = setInterval(() => probes.push(probe()), PROBE_EVERY_MS);
  const end = setTimeout(() => clearInterval(timer), Math.max(2 * PROBE_EVERY_MS, times.at(-1) ?? 0));
  try {
    run.lost = await runOpenLoop(times, async (dueMs) => {
      await side.one(() => run.submitMs.push(performance.now() - dueMs));
      run.doneMs.push(performance.now() - dueMs);
    });
  } finally {
    clearTimeout(end);
    clearInterval(timer);
  }
  await Promise.all(probes);
  return run;
}
