import type { FlowState } from '@touchstone/shared/queue/detection-jobs';

/** A detection without detectors for so long is closed (contract.md section 2). */
export const EXPIRES_AFTER_MS = 86_400_000;

export type SweepAction = 'leave' | 'finalise' | 'expire' | 'enqueue' | 'restart';

/**
 * What the sweeper does with one pending marker. Every action is idempotent: a second sweeper at the same time, or a
 * worker that finishes in between, only makes it waste work.
 */
export function decideSweep(seen: {
  ageMs: number;
  flow: FlowState;
  hasVerdict: boolean;
  hasAllDetectorPartials: boolean;
  /** Slots of the LLM kind that owe a partial, and how long ago the last detector partial was stored. */
  awaitsLlm: boolean;
  sinceDetectorsMs: number;
  llmGraceMs: number;
}): SweepAction {
  if (seen.hasVerdict) return 'finalise';
  if (seen.hasAllDetectorPartials && (!seen.awaitsLlm || seen.sinceDetectorsMs > seen.llmGraceMs)) return 'finalise';
  if (seen.ageMs > EXPIRES_AFTER_MS) return 'expire';
  switch (seen.flow) {
    case 'missing':
      return 'enqueue';
    case 'completed':
    case 'failed':
      return 'restart';
    case 'underway':
      return 'leave';
  }
}
