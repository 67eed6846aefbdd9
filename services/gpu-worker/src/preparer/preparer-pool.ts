import { openDisposablePool, type DisposablePoolOptions } from '@touchstone/imaging/disposable-pool';
import type { MediaType } from '@touchstone/shared/contracts/request-record';
import { childEntry } from '@touchstone/shared/process/child-entry';
import type { ImagePreparer, InputPlan, PreparedImage } from '../core/prepared-image.ts';

/** One image for a child to prepare. */
export type PrepareTask = { file: Uint8Array; mediaType: MediaType };

/** Prepares images for these plans in children that a hostile file may break. */
export async function openPreparerPool({
  plans,
  ...options
}: Omit<DisposablePoolOptions, 'entry' | 'setup'> & { plans: InputPlan[] }): Promise<ImagePreparer> {
  const pool = await openDisposablePool<PrepareTask, PreparedImage>({
    entry: childEntry(import.meta, 'preparer.child'),
    setup: plans,
    ...options,
  });
  return { prepare: (file, mediaType) => pool.run({ file, mediaType }), close: () => pool.close() };
}
