import { availableParallelism } from 'node:os';
import { makeGoldenTensor, type GoldenInputName } from '@touchstone/models/golden-inputs';
import type { MeasureGolden } from '@touchstone/models/import/import-part';
import type { GoldenVector } from '@touchstone/models/manifest';
import { openBundleRunner } from '../../services/gpu-worker/src/inference/bundle-runner.ts';

const INPUTS: GoldenInputName[] = ['mixed', 'hash', 'gradient', 'blocks'];
/** Between other machines' CPUs and a GPU that rounds products to TF32. */
const TOLERANCE = 0.01;
/** A probability at either end would be met by a graph that is wrong. */
const isTelling = ({ probability }: GoldenVector) => probability > 0.02 && probability < 0.98;

/**
 * Golden vectors on the CPU, through the code that serves. Every worker runs its vectors when it starts, and these
 * networks are large: two telling vectors are enough, one for a chain.
 */
export const measureGolden: MeasureGolden = async (manifest, graphPaths) => {
  const wanted = manifest.graphs.length === 1 ? 2 : 1;
  const runner = await openBundleRunner(
    { id: manifest.id, manifest, graphPaths },
    { provider: 'cpu', deviceId: 0, intraOpThreads: availableParallelism() },
  );
  try {
    const vectors: GoldenVector[] = [];
    for (const input of INPUTS) {
      const [probability] = await runner.run(makeGoldenTensor(input, manifest.tensor), 1);
      vectors.push({ input, probability: probability!, tolerance: TOLERANCE });
      if (vectors.filter(isTelling).length === wanted) break;
    }
    const telling = vectors.filter(isTelling);
    return telling.length > 0 ? telling : vectors;
  } finally {
    await runner.release();
  }
};
