import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Manifest } from '@touchstone/models/manifest';
import type { InputPlan } from '../../services/gpu-worker/src/core/prepared-image.ts';

/** What the worker prepares for a bundle in the slot of whole images. */
export async function planOfBundle(folder: string): Promise<InputPlan> {
  const manifest = Manifest.parse(JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8')));
  return {
    slot: 'distildire',
    orientation: manifest.decode.orientation,
    steps: manifest.preparation,
    tensor: manifest.tensor,
  };
}
