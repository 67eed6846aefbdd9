import { openDisposablePool } from '@touchstone/imaging/disposable-pool';
import type { PreparationStep } from '@touchstone/models/manifest';
import type { Box } from '@touchstone/shared/contracts/partial';
import type { MediaType } from '@touchstone/shared/contracts/request-record';
import type { Logger } from '@touchstone/shared/observe/logger';
import { childEntry } from '@touchstone/shared/process/child-entry';

export type CropFaceStep = Extract<PreparationStep, { op: 'crop-face' }>;
export type CutTask = { file: Uint8Array; mediaType: MediaType };

/** The faces of one image, cut as the detector gets them, before they are resized. */
export type CutFaces = {
  width: number;
  height: number;
  /** Faces that were found, large enough or not. */
  foundCount: number;
  crops: { png: Uint8Array; box: Box; faceScore: number; left: number; top: number; side: number }[];
};

/** Cuts faces in two children, with the limits of the serving preparers. */
export async function openFaceCutters(step: CropFaceStep, logger: Logger) {
  return await openDisposablePool<CutTask, CutFaces>({
    entry: childEntry(import.meta, 'cut-faces.child'),
    setup: step,
    size: 2,
    timeoutMs: 30_000,
    maxGrowthBytes: 400 * 2 ** 20,
    recycleAfter: 5_000,
    logger,
  });
}
