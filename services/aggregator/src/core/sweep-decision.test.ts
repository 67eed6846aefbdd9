import { expect, it } from '@jest/globals';
import { decideSweep, EXPIRES_AFTER_MS, type SweepAction } from './sweep-decision.ts';

const waiting = {
  ageMs: 30_000,
  flow: 'underway' as const,
  hasVerdict: false,
  hasAllDetectorPartials: false,
  awaitsLlm: false,
  sinceDetectorsMs: 0,
  llmGraceMs: 20_000,
};

it.each<[string, Partial<Parameters<typeof decideSweep>[0]>, SweepAction]>([
  ['leaves a detection whose jobs are underway, however long', { ageMs: EXPIRES_AFTER_MS - 1 }, 'leave'],
  ['enqueues what Redis does not know', { flow: 'missing' }, 'enqueue'],
  ['restarts a merge that failed', { flow: 'failed' }, 'restart'],
  ['restarts a merge that ended without a verdict', { flow: 'completed' }, 'restart'],
  ['finishes what has a verdict but kept its marker', { hasVerdict: true, flow: 'missing' }, 'finalise'],
  ['finalises when all detectors have answered', { hasAllDetectorPartials: true }, 'finalise'],
  ['gives the LLM its grace', { hasAllDetectorPartials: true, awaitsLlm: true, sinceDetectorsMs: 19_000 }, 'leave'],
  [
    'ends the grace of the LLM',
    { hasAllDetectorPartials: true, awaitsLlm: true, sinceDetectorsMs: 21_000 },
    'finalise',
  ],
  ['closes a detection after a day without detectors', { ageMs: EXPIRES_AFTER_MS + 1 }, 'expire'],
  ['closes it also when Redis forgot it', { ageMs: EXPIRES_AFTER_MS + 1, flow: 'missing' }, 'expire'],
])('%s', (_fact, seen, action) => {
  expect(decideSweep({ ...waiting, ...seen })).toBe(action);
});
