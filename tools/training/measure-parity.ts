import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadBundle, type Bundle } from '@touchstone/models/load-bundle';
import { readParity } from '@touchstone/models/read-parity';
import type { CnnSlot } from '@touchstone/shared/contracts/vocabulary';
import { inferenceBundleOf, planOf } from '../../services/gpu-worker/src/adapters/load-slots.ts';
import type { InputPlan } from '../../services/gpu-worker/src/core/prepared-image.ts';
import {
  openBundleRunner,
  warmBundle,
  type BundleRunner,
} from '../../services/gpu-worker/src/inference/bundle-runner.ts';
import { openFaceFinder } from '../../services/gpu-worker/src/preparer/find-faces.ts';
import { prepareImage } from '../../services/gpu-worker/src/preparer/prepare-image.ts';

type ParityCase = { file: string; expected: number; answered: number };

/** Of a probability, between PyTorch and the code that serves. */
export const MAX_DIFFERENCE = 1e-3;
const CPU = { provider: 'cpu', deviceId: 0, intraOpThreads: 1 } as const;

/** Asks a bundle about the pictures of its `parity.json` through the code that serves. */
export async function measureParity(folder: string, slot: CnnSlot, dataFolder: string): Promise<ParityCase[]> {
  return await withBundle(folder, slot, async ({ bundle, plan, runner }) => {
    const parity = await readParity(folder, bundle.weightsSha256);
    const finder = await openFaceFinder();
    try {
      const cases: ParityCase[] = [];
      for (const { file, probability } of parity.cases) {
        const bytes = await readFile(join(dataFolder, file));
        const { inputs } = await prepareImage(bytes, 'image/jpeg', [plan], finder);
        const { count, data, problem } = inputs[0]!;
        if (problem !== undefined) throw new Error(`${file}: ${problem}`);
        if (count === 0) throw new Error(`${file}: the worker finds nothing to score`);
        const [answered] = await runner.run(data.subarray(0, data.length / count), 1);
        cases.push({ file, expected: probability, answered: answered! });
      }
      return cases;
    } finally {
      await finder.close();
    }
  });
}

export const largestDifference = (cases: readonly ParityCase[]): number =>
  Math.max(...cases.map(({ expected, answered }) => Math.abs(expected - answered)));

/** Loads a bundle as a worker does; throws when it would be refused. */
export const runGoldenVectors = (folder: string, slot: CnnSlot): Promise<void> =>
  withBundle(folder, slot, () => Promise.resolve());

async function withBundle<T>(
  folder: string,
  slot: CnnSlot,
  use: (opened: { bundle: Bundle; plan: InputPlan; runner: BundleRunner }) => Promise<T>,
): Promise<T> {
  const loaded = await loadBundle(folder);
  if (!loaded.ok) throw new Error(loaded.problem.detail);
  const filled = { slot, bundle: loaded.bundle };
  const inference = inferenceBundleOf(filled);
  const runner = await openBundleRunner(inference, CPU);
  try {
    await warmBundle(runner, inference, CPU);
    return await use({ bundle: loaded.bundle, plan: planOf(filled), runner });
  } finally {
    await runner.release();
  }
}
