import { openDisposablePool } from '@touchstone/imaging/disposable-pool';
import type { Box } from '@touchstone/shared/contracts/partial';
import type { MediaType } from '@touchstone/shared/contracts/request-record';
import type { Logger } from '@touchstone/shared/observe/logger';
import { childEntry } from '@touchstone/shared/process/child-entry';

/** One image to make pictures of. `faces`: boxes in px of the upright image in full size. */
export type PictureTask = { file: Uint8Array; mediaType: MediaType; faces: Box[] };

/** What the model gets to see: JPEGs of at most 1,024 px without metadata. */
export type Pictures = {
  /** Upright size of the image. */
  width: number;
  height: number;
  whole: Uint8Array;
  /** Enlarged, the largest first. */
  faces: Uint8Array[];
};

export type PictureMaker = {
  /** Rejects with UndecodableImageError when the image is at fault, with any other error when we are. */
  make(task: PictureTask): Promise<Pictures>;
  close(): Promise<void>;
};

/** Why these: contract.md section 4. */
const LIMITS = { timeoutMs: 10_000, maxGrowthBytes: 400 * 2 ** 20, recycleAfter: 1_000 };

/** Makes pictures in children that a hostile file may break. */
export async function openPicturePool(options: { size: number; logger: Logger }): Promise<PictureMaker> {
  const pool = await openDisposablePool<PictureTask, Pictures>({
    entry: childEntry(import.meta, 'picture.child'),
    setup: null,
    ...LIMITS,
    ...options,
  });
  return { make: (task) => pool.run(task), close: () => pool.close() };
}
