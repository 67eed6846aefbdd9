import { join } from 'node:path';
import { writeTinyBundle } from '@touchstone/models/tiny-bundle';
import { makeBenchImage, type ImageSize } from './bench-images.ts';
import { startBenchSystem, sumOfRoles, type BenchSystem, type RoleUse } from './bench-system.ts';
import type { BenchContext, Method } from './bench-context.ts';
import { cpuMsOfTree } from './cpu-of-process.ts';
import { openDetectionClient } from './detection-client.ts';
import { startPeer } from './peer-process.ts';
import type { PreparationAnswer, PreparationSetup, PreparationTask } from './peers/preparation.child.ts';
import { median } from './percentile.ts';
import { planOfBundle } from './plan-of-bundle.ts';
import { describeRoles, runPipeline } from './r1-engine.ts';
import type { Figure } from './report.ts';
import { runSlots } from './run-slots.ts';
import { short } from './table.ts';

const SIZES: readonly { size: ImageSize; name: string; limitMs: number; count: number }[] = [
  { size: '512', name: '512 px', limitMs: 15, count: 150 },
  { size: '1mp', name: '1 MP', limitMs: 20, count: 100 },
  { size: '12mp', name: '12 MP', limitMs: 45, count: 24 },
];
const CLIENTS = 4;
/** As many as the worker has preparers. */
const PREPARERS = 2;

/** CPU-ms per image of one slot. */
type CeilingSlot = {
  perSecond: number;
  roles: RoleUse;
  preparation: number;
  preparationInChildren: number;
  decode: number;
};

/**
 * R6: CPU-ms per image of all roles with a model that costs nothing, beyond the bare preparation of the same image in
 * the same slot. The preparation stands beside it, and a plain decode of the picture to pixels.
 */
export const measureCeiling: Method = async (context) => {
  context.say('R6: starting the system');
  const bundle = join(context.folder, 'null');
  await writeTinyBundle(bundle, { scope: 'whole-image' });
  const system = await startBenchSystem(context.folder, bundle);
  const figures: Figure[] = [];
  const notes: string[] = [];
  const loads: number[] = [];
  try {
    await warmUp(context, system);
    for (const { size, name, limitMs, count } of SIZES) {
      const measured = await measureSize(context, system, bundle, size, context.isQuick ? 6 : count);
      const { slots } = measured;
      loads.push(...measured.loads);
      figures.push({
        name,
        unit: 'CPU-ms',
        target: { relation: '<=', limit: limitMs },
        slots: slots.map(({ roles, preparation }) => sumOfRoles(roles) - preparation),
      });
      const middle = (pick: (slot: CeilingSlot) => number) => short(median(slots.map(pick)));
      notes.push(
        `${name}: all roles ${middle(({ roles }) => sumOfRoles(roles))}, bare preparation ` +
          `${middle(({ preparation }) => preparation)} (in its children ${middle((slot) => slot.preparationInChildren)}), ` +
          `bare full decode ${middle(({ decode }) => decode)} CPU-ms; ${middle(({ perSecond }) => perSecond)} img/s`,
        `${name}: ${describeRoles(slots.map(({ roles }) => roles))}`,
      );
    }
    system.assertUnbroken();
    return [{ id: 'R6', title: 'ceiling, beyond preparation', figures, loads, notes }];
  } finally {
    await system.stop();
  }
};

/** Fresh code costs twice as much: measured, CPU-ms per image fall until about the 600th. */
async function warmUp(context: BenchContext, system: BenchSystem): Promise<void> {
  context.say('R6: warming up');
  const client = await openDetectionClient(system, await makeBenchImage('512'));
  await runPipeline(system, client, context.isQuick ? 10 : 600, CLIENTS);
  await client.close();
}

async function measureSize(
  context: BenchContext,
  system: BenchSystem,
  bundle: string,
  size: ImageSize,
  count: number,
): Promise<{ slots: CeilingSlot[]; loads: number[] }> {
  const image = await makeBenchImage(size);
  const client = await openDetectionClient(system, image);
  const setup: PreparationSetup = { plans: [await planOfBundle(bundle)], image, size: PREPARERS };
  const peer = await startPeer<PreparationSetup, PreparationTask, PreparationAnswer>('preparation', setup);
  const cpuOf = async (kind: PreparationTask['kind']) => {
    const before = cpuMsOfTree(peer.pid);
    await peer.ask({ kind, count });
    const after = cpuMsOfTree(peer.pid);
    const children = (after.children - before.children) / count;
    return { children, all: (after.own - before.own) / count + children };
  };
  try {
    await runPipeline(system, client, Math.ceil(count / 4), CLIENTS);
    for (const kind of ['prepare', 'decode'] as const) await peer.ask({ kind, count: Math.ceil(count / 4) });
    return await runSlots(context.slots, async (i) => {
      context.say(`R6: ${size}, slot ${i + 1} of ${context.slots}`);
      const prepared = await cpuOf('prepare');
      const { perSecond, cpuMs } = await runPipeline(system, client, count, CLIENTS);
      const decoded = await cpuOf('decode');
      return {
        perSecond,
        roles: cpuMs,
        preparation: prepared.all,
        preparationInChildren: prepared.children,
        decode: decoded.all,
      };
    });
  } finally {
    await peer.stop();
    await client.close();
  }
}
