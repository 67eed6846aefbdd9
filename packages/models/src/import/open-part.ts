import type { ByteSource } from './byte-source.ts';
import { ImportError } from './import-error.ts';
import type { Part } from './licence-terms.ts';
import { buildPartGraph, recognisePart, type PartGraph } from './part-graphs.ts';
import { openStateDict } from './state-dict.ts';
import { openTorchCheckpoint, type TorchCheckpoint } from './torch-checkpoint.ts';
import { createWeights } from './weights.ts';

/** A checkpoint whose tensors are exactly those of a known network; `source` stays open while its graph is written. */
export type OpenedPart = { part: Part; container: TorchCheckpoint['container']; build: PartGraph };

/** Opens a checkpoint and declares its graph. Reads tables only; `wanted` refuses weights of another network. */
export async function openPart(source: ByteSource, wanted: Part | null): Promise<OpenedPart> {
  const checkpoint = await openTorchCheckpoint(source);
  const weights = createWeights(openStateDict(checkpoint));
  const found = recognisePart(weights);
  if (found === null)
    throw new ImportError('its tensors are of no network that can be imported (sbi, distildire, adm)');
  if (wanted !== null && found !== wanted) {
    throw new ImportError(`its tensors are those of ${found}, not of ${wanted}: use --as ${found}`);
  }
  const build = buildPartGraph(found, weights);
  weights.assertComplete();
  return { part: found, container: checkpoint.container, build };
}
