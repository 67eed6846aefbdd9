import { describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { loadBundle } from '@touchstone/models/load-bundle';
import { refuseByLicence } from '@touchstone/models/licence-gate';
import { makeGoldenTensor } from '@touchstone/models/golden-inputs';
import { openBundleRunner } from '../src/inference/bundle-runner.ts';

const MODELS = join(import.meta.dirname, '../../../models');

describe.each(['sbi-lite', 'distildire-lite'])('the bundle %s', (name) => {
  const load = async () => {
    const loaded = await loadBundle(join(MODELS, name));
    if (!loaded.ok) throw new Error(loaded.problem.detail);
    return loaded.bundle;
  };

  it('answers its golden vectors in onnxruntime, one by one and in a batch', async () => {
    const { manifest, graphPaths } = await load();
    const settings = { provider: 'cpu', deviceId: 0, intraOpThreads: 1 } as const;
    const runner = await openBundleRunner({ id: name, manifest, graphPaths }, settings);
    const inputs = manifest.golden.map(({ input }) => makeGoldenTensor(input, manifest.tensor) as Uint8Array);
    const alone: number[] = [];
    for (const input of inputs) alone.push((await runner.run(input, 1))[0]!);
    const together = await runner.run(Buffer.concat(inputs), inputs.length);
    await runner.release();

    expect(manifest.golden).toHaveLength(4);
    for (const [i, { probability, tolerance }] of manifest.golden.entries()) {
      expect(Math.abs(alone[i]! - probability)).toBeLessThanOrEqual(tolerance);
      expect(together[i]).toBeCloseTo(alone[i]!, 5);
    }
  });

  it('is refused for commercial use', async () => {
    const { manifest } = await load();
    expect(refuseByLicence(manifest, 'research')).toBeNull();
    expect(refuseByLicence(manifest, 'commercial')).toContain('forbids commercial use');
  });
});
