import type { CnnSlot } from '@touchstone/shared/contracts/vocabulary';

/** What one detector said of an image: the maximum over so many regions. */
export type SlotScore = { score: number; regions: number };

/** One labelled image with what the detectors said; a detector that was not applicable is absent. */
export type CalibrationRow = {
  isFake: boolean;
  group: string;
  source: string;
  scores: Partial<Record<CnnSlot, SlotScore>>;
};
