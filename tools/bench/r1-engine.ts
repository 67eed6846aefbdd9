import { join } from 'node:path';
import { makeGoldenPixels } from '@touchstone/models/golden-inputs';
import { makeBenchImage } from './bench-images.ts';
import { startBenchSystem, sumOfRoles, useBetween, type BenchSystem, type RoleUse } from './bench-system.ts';
import type { BenchContext, Method } from './bench-context.ts';
import { runClosedLoop } from './closed-loop.ts';
import { writeConvBundle } from './conv-bundle.ts';
import { openDetectionClient, type DetectionClient } from './detection-client.ts';
import { startPeer, type PeerProcess } from './peer-process.ts';
import type { RawRun, RawSessionSetup } from './peers/raw-session.child.ts';
import { median } from './percentile.ts';
import { planOfBundle } from './plan-of-bundle.ts';
import { runSlots } from './run-slots.ts';
import { short } from './table.ts';

const MODEL_MS = 170;
const GPU_DEPTH = 24;
const CLIENTS = 6;
const GATE = 0.85;
const QUIET_TARGET = 0.95;

export type RawSession = PeerProcess<{ seconds: number }, RawRun>;
type PipelineRun = { perSecond: number; cpuMs: RoleUse };

/** A bundle whose model takes about 170 ms per image on a CPU; on a GPU one of fixed size. */
export async function writeEngineBundle(context: BenchContext): Promise<string> {
  const folder = join(context.folder, 'engine');
  const { provider, intraOpThreads, isQuick } = context;
  const targetMs = isQuick ? 20 : MODEL_MS;
  await writeConvBundle(folder, provider === 'cuda' ? { depth: GPU_DEPTH } : { targetMs, intraOpThreads });
  return folder;
}

export async function startRawSession(context: BenchContext, bundle: string, batch: number): Promise<RawSession> {
  const { tensor } = await planOfBundle(bundle);
  const setup: RawSessionSetup = {
    graphPath: join(bundle, 'model.onnx'),
    pixels: makeGoldenPixels('mixed', tensor.width, tensor.height),
    sidePx: tensor.width,
    batch,
    provider: context.provider,
    intraOpThreads: context.intraOpThreads,
  };
  return await startPeer('raw-session', setup);
}

/**
 * R1: images per second of the whole system over those of the raw `session.run` loop with the same graph, threads and
 * tensor size. R1c: CPU time of the loop over that of all roles. Both in slots raw, system, raw, ..., raw; a system
 * slot is held against the mean of its two neighbours.
 */
export const measureEngine: Method = async (context) => {
  context.say('R1: writing the model and starting the system');
  const bundle = await writeEngineBundle(context);
  const system = await startBenchSystem(context.folder, bundle, { EXECUTION_PROVIDER: context.provider });
  const client = await openDetectionClient(system, await makeBenchImage('512'));
  const peer = await startRawSession(context, bundle, 1);
  try {
    const seconds = context.isQuick ? 0.5 : 5;
    context.say('R1: warming up');
    await runPipeline(system, client, context.isQuick ? 6 : 90);
    const raw: RawRun[] = [await peer.ask({ seconds })];
    const { slots, loads } = await runSlots(context.slots, async (i) => {
      context.say(`R1: slot ${i + 1} of ${context.slots}`);
      const run = await runPipeline(system, client, context.isQuick ? 6 : 30);
      raw.push(await peer.ask({ seconds }));
      return run;
    });
    system.assertUnbroken();
    const ratios = slots.map((slot, i) => slot.perSecond / meanOf(raw, i, ({ perSecond }) => perSecond));
    const cpuRatios = slots.map((slot, i) => meanOf(raw, i, (run) => run.cpuMsPerImage) / sumOfRoles(slot.cpuMs));
    const best = Math.max(...ratios);
    return [
      {
        id: 'R1',
        title: 'engine, system / raw loop',
        figures: [{ name: '', unit: '', target: { relation: '>=', limit: GATE }, slots: ratios }],
        loads,
        notes: [
          `raw ${short(median(raw.map(({ perSecond }) => perSecond)))} img/s, ` +
            `system ${short(median(slots.map(({ perSecond }) => perSecond)))} img/s (medians)`,
          `the target for a quiet machine, ${QUIET_TARGET}: ` +
            (median(ratios) >= QUIET_TARGET ? 'held' : best >= QUIET_TARGET ? 'held by the best slot alone' : 'missed'),
        ],
      },
      {
        id: 'R1c',
        title: 'engine, CPU of raw loop / all roles',
        figures: [{ name: '', unit: '', target: { relation: '>=', limit: GATE }, slots: cpuRatios }],
        loads,
        notes: [
          `raw ${short(median(raw.map((run) => run.cpuMsPerImage)))} CPU-ms per image; ` +
            `roles: ${describeRoles(slots.map(({ cpuMs }) => cpuMs))}`,
        ],
      },
    ];
  } finally {
    await peer.stop();
    await client.close();
    await system.stop();
  }
};

/** One closed loop through the whole system; CPU time is per image. */
export async function runPipeline(
  system: BenchSystem,
  client: DetectionClient,
  count: number,
  clients = CLIENTS,
): Promise<PipelineRun> {
  let before: RoleUse = {};
  let after: RoleUse = {};
  const { perSecond, failed } = await runClosedLoop({
    clients,
    warmUp: clients,
    count,
    onWindow: (edge) => {
      if (edge === 'open') before = system.cpuMs();
      else after = system.cpuMs();
    },
    one: async () => client.verdictOf(await client.submit()),
  });
  if (failed > 0) throw new Error(`${failed} images failed`);
  const used = Object.entries(useBetween(before, after)).map(([role, ms]) => [role, ms / count] as const);
  return { perSecond, cpuMs: Object.fromEntries(used) };
}

/** The median of each role's CPU-ms per image, with what is not counted in brackets. */
export function describeRoles(runs: readonly RoleUse[]): string {
  const roles = Object.keys(runs[0] ?? {});
  const parts = roles.map((role) => `${role} ${short(median(runs.map((run) => run[role] ?? 0)))}`);
  return `${parts.join(', ')} CPU-ms per image (supervisor and redis not counted)`;
}

const meanOf = (raw: readonly RawRun[], i: number, pick: (run: RawRun) => number): number =>
  (pick(raw[i]!) + pick(raw[i + 1]!)) / 2;
