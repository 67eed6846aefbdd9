import {
  eraseDetection,
  isErasable,
  type DetectionRef,
  type EraseDeps,
} from '@touchstone/shared/storage/erase-detection';
import { withinStoreLimit } from './adapters/within-store-limit.ts';

export type Eraser = {
  /** False when the tenant has no such detection. */
  eraseIfThere: (ref: DetectionRef) => Promise<boolean>;
  /** Also what is there of a detection only in part. */
  erase: (ref: DetectionRef) => Promise<void>;
};

/** Longer than a worker may hold up an erasure. */
const LIMIT_MS = 15_000;

/** What is not done in time goes on, and is completed from the marker by a repeated request or by the aggregator. */
export function createEraser(deps: EraseDeps): Eraser {
  const withinLimit = <T>(work: Promise<T>) =>
    withinStoreLimit(LIMIT_MS, 'The detection could not be erased yet.', work);
  const erase = (ref: DetectionRef) => withinLimit(eraseDetection(deps, ref));
  return {
    erase,
    async eraseIfThere(ref) {
      if (!(await withinLimit(isErasable(deps.store, ref)))) return false;
      await erase(ref);
      return true;
    },
  };
}
