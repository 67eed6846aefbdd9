import type { PreparationStep, TensorSpec } from '@touchstone/models/manifest';
import type { Box } from '@touchstone/shared/contracts/partial';
import type { CnnSlot } from '@touchstone/shared/contracts/vocabulary';
import type { MediaType } from '@touchstone/shared/contracts/request-record';

/** What one detector wants of an image: taken from its manifest. */
export type InputPlan = {
  slot: CnnSlot;
  orientation: 'apply' | 'ignore';
  steps: PreparationStep[];
  tensor: TensorSpec;
};

/** A face in the upright image. */
export type Face = {
  box: Box;
  /** Confidence of the face detector, 0..1. */
  score: number;
};

/** The regions of one detector, ready to be batched: `count` tensors of the manifest's shape, back to back. */
export type PreparedInput = {
  slot: CnnSlot;
  count: number;
  data: Uint8Array | Float32Array;
  /** For face detectors: which face each region shows, as an index into `faces`. Empty for whole images. */
  faceIndexes: number[];
  caveats: string[];
  /** Why there is no region although there should be: our fault, not the image's. */
  problem?: string;
};

/** Everything that leaves the preparer: tensors and boxes, never the picture. */
export type PreparedImage = {
  /** Upright size. */
  width: number;
  height: number;
  /** Largest first. */
  faces: Face[];
  inputs: PreparedInput[];
  /** Wall time of the preparation inside the child, in ms. */
  elapsedMs: number;
};

/** Turns files into tensors somewhere where they can do no harm. */
export type ImagePreparer = {
  /** Rejects with UndecodableImageError when the image is at fault, with any other error when we are. */
  prepare(file: Uint8Array, mediaType: MediaType): Promise<PreparedImage>;
  close(): Promise<void>;
};
