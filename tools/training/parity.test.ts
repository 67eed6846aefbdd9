import { describe, expect, it } from '@jest/globals';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { CnnSlot } from '@touchstone/shared/contracts/vocabulary';
import { largestDifference, MAX_DIFFERENCE, measureParity } from './measure-parity.ts';

const models = resolve(import.meta.dirname, '../../models');
const shared = process.env['TOUCHSTONE_SHARED'] ?? resolve(import.meta.dirname, '../../../shared');

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
      const cases = await measureParity(join(models, name), slot, join(shared, 'data'));
      expect(largestDifference(cases)).toBeLessThanOrEqual(MAX_DIFFERENCE);
    });
  });
}
