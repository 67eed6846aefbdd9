import { describe, expect, it } from '@jest/globals';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { loadBundle } from '@touchstone/models/load-bundle';
import type { CnnSlot } from '@touchstone/shared/contracts/vocabulary';
import { inferenceBundleOf, planOf } from '../src/adapters/load-slots.ts';
import { openBundleRunner } from '../src/inference/bundle-runner.ts';
import { openFaceFinder } from '../src/preparer/find-faces.ts';
import { prepareImage } from '../src/preparer/prepare-image.ts';

/** What PyTorch answered for the first region of real pictures; written by the export of tools/training. */
const Parity = z.object({
  format: z.literal(1),
  weights_sha256: z.string(),
  /** Relative to the folder `data` of the shared material. */
  cases: z.array(z.object({ file: z.string(), probability: z.number() })).min(1),
});

const MAX_DIFFERENCE = 1e-3;
const models = resolve(import.meta.dirname, '../../../models');
const shared = process.env['TOUCHSTONE_SHARED'] ?? resolve(import.meta.dirname, '../../../../shared');

const BUNDLES: [CnnSlot, string][] = [
  ['sbi', 'sbi-lite'],
  ['distildire', 'distildire-lite'],
];

/** Why a bundle cannot be held to PyTorch's numbers here; null when it can. */
function skipReasonOf(name: string): string | null {
  if (!existsSync(join(models, name, 'parity.json'))) return `${name} has no parity.json`;
  return existsSync(join(shared, 'data')) ? null : `no data under TOUCHSTONE_SHARED (${shared})`;
}

for (const [slot, name] of BUNDLES) {
  const reason = skipReasonOf(name);
  if (reason !== null) process.stderr.write(`skipped: parity of ${name} with PyTorch: ${reason}\n`);
  const describeBundle = reason === null ? describe : describe.skip;

  describeBundle(`the shipped bundle of ${slot}`, () => {
    it('fed by our preparation answers as PyTorch did, within .001, on real pictures', async () => {
      const parity = Parity.parse(JSON.parse(await readFile(join(models, name, 'parity.json'), 'utf8')));
      const loaded = await loadBundle(join(models, name));
      if (!loaded.ok) throw new Error(loaded.problem.detail);
      expect(loaded.bundle.weightsSha256).toBe(parity.weights_sha256);
      const filled = { slot, bundle: loaded.bundle };
      const runner = await openBundleRunner(inferenceBundleOf(filled), {
        provider: 'cpu',
        deviceId: 0,
        intraOpThreads: 1,
      });
      const finder = await openFaceFinder();
      try {
        for (const { file, probability } of parity.cases) {
          const bytes = await readFile(join(shared, 'data', file));
          const { inputs } = await prepareImage(bytes, 'image/jpeg', [planOf(filled)], finder);
          const { count, data, problem } = inputs[0]!;
          expect({ file, problem, hasRegion: count > 0 }).toEqual({ file, problem: undefined, hasRegion: true });
          const [score] = await runner.run(data.subarray(0, data.length / count), 1);
          expect(Math.abs(score! - probability)).toBeLessThanOrEqual(MAX_DIFFERENCE);
        }
      } finally {
        await finder.close();
        await runner.release();
      }
    });
  });
}
