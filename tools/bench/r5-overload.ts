import { makeBenchImage } from './bench-images.ts';
import { startBenchSystem } from './bench-system.ts';
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
type Side = { one(onAccepted: () => void): Promise<void>; getHealth(): Promise<void> };
type LoadRun = { submitMs: number[]; doneMs: number[]; healthMs: number[]; sent: number; lost: number };

/**
 * R5: what clients see below, at and above the capacity of the model: ours and a synchronous service with the same
 * preparation, model and threads, asked at the same Poisson moments. Latency counts from when a request was due.
 */
export const measureOverload: Method = async (context) => {
  context.say('R5: writing the model and starting the system');
  const bundle = await writeEngineBundle(context);
  const image = await makeBenchImage('512');
  const perSecond = await rawCapacity(context, bundle);
  const setup: SyncPeerSetup = { bundlePath: bundle, intraOpThreads: context.intraOpThreads };
  const system = await startBenchSystem(context.folder, bundle);
  const client = await openDetectionClient(system, image);
  const peer = await startPeer('sync-peer', setup);
  const peerHttp = openUploadClient(peer.url, image, PEER_TIMEOUT_MS);
  const ours: Side = {
    async one(onAccepted) {
      const id = await client.submit();
      onAccepted();
      await client.verdictOf(id);
    },
    getHealth: () => client.getHealth(),
  };
  const theirs: Side = {
    async one(onAccepted) {
      await peerHttp.post('/detect');
      onAccepted();
    },
    getHealth: () => peerHttp.get('/health'),
  };
  try {
    context.say('R5: warming up');
    for (const side of [ours, theirs]) {
      const warmUp = { clients: 4, warmUp: 4, count: context.isQuick ? 4 : 60 };
      await runClosedLoop({ ...warmUp, one: () => side.one(() => undefined) });
    }
    const { slots, loads } = await runSlots(context.slots, async (i) => {
      const runs: { load: number; ours: LoadRun; theirs: LoadRun }[] = [];
      for (const load of LOADS) {
        context.say(`R5: slot ${i + 1} of ${context.slots}, ${load} of capacity`);
        const times = poissonTimes(load * perSecond, context.isQuick ? 1 : 10, 10 * i + load);
        runs.push({ load, ours: await runLoad(ours, times), theirs: await runLoad(theirs, times) });
      }
      return runs;
    });
    system.assertUnbroken();
    const at = (load: number) => slots.map((runs) => runs.find((run) => run.load === load)!);
    const p99 = (values: number[]) => percentile(values, 0.99);
    const describe = (load: number, side: 'ours' | 'theirs') => {
      const middle = (pick: (run: LoadRun) => number) => short(median(at(load).map((run) => pick(run[side]))));
      const lost = at(load).reduce((sum, run) => sum + run[side].lost, 0);
      return (
        `${load}x ${side === 'ours' ? 'ours' : 'peer'}: submit ${middle((run) => median(run.submitMs))} / ` +
        `${middle((run) => p99(run.submitMs))}, done ${middle((run) => median(run.doneMs))} / ` +
        `${middle((run) => p99(run.doneMs))}, /health ${middle((run) => median(run.healthMs))} / ` +
        `${middle((run) => p99(run.healthMs))} ms, lost ${lost}`
      );
    };
    return [
      {
        id: 'R5',
        title: 'overload',
        figures: [
          {
            name: 'submit p99 at 1.5x',
            unit: 'ms',
            target: { relation: '<', limit: 150 },
            slots: at(1.5).map((run) => p99(run.ours.submitMs)),
          },
          {
            name: '/health p50 at 1.5x',
            unit: 'ms',
            target: { relation: '<', limit: 50 },
            slots: at(1.5).map((run) => median(run.ours.healthMs)),
          },
          {
            name: 'lost in all',
            unit: '',
            target: { relation: '<=', limit: 0 },
            slots: [slots.flat().reduce((sum, run) => sum + run.ours.lost, 0)],
          },
          {
            name: 'done p99 at 0.7x over the peer',
            unit: '',
            target: { relation: '<=', limit: 1 },
            slots: at(0.7).map((run) => p99(run.ours.doneMs) / p99(run.theirs.doneMs)),
          },
        ],
        loads,
        notes: [
          `capacity of the raw loop ${short(perSecond)} img/s; p50 / p99, medians of the slots:`,
          ...LOADS.flatMap((load) => [describe(load, 'ours'), describe(load, 'theirs')]),
        ],
      },
    ];
  } finally {
    peerHttp.close();
    await peer.stop();
    await client.close();
    await system.stop();
  }
};

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
  const run: LoadRun = { submitMs: [], doneMs: [], healthMs: [], sent: times.length, lost: 0 };
  const probes: Promise<void>[] = [];
  const probe = async () => {
    const startMs = performance.now();
    await side.getHealth();
    run.healthMs.push(performance.now() - startMs);
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
  await Promise.allSettled(probes);
  return run;
}
