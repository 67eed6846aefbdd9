import { describe, expect, it } from '@jest/globals';
import { readMachineFacts } from '../bench/machine-facts.ts';
import type { FileResult } from './feed-files.ts';
import { buildHostileReport, formatHostileReport, type HostileRun } from './hostile-report.ts';

const result = (more: Partial<FileResult> = {}): FileResult => ({
  name: 'file',
  bytes: 1_000,
  answer: 'accepted',
  answerMs: 10,
  outcome: 'authentic',
  prepareMs: 20,
  ...more,
});
const use = (more: Partial<NonNullable<HostileRun['use']>> = {}) => ({
  restarts: { 'api-gateway': 0, 'gpu-worker': 0 },
  lostPreparers: 3,
  idleBytes: { 'api-gateway': 100e6, 'gpu-worker': 600e6 },
  peakBytes: { 'api-gateway': 150e6, 'gpu-worker': 800e6 },
  ...more,
});
const run = (more: Partial<HostileRun> = {}): HostileRun => ({
  machine: readMachineFacts(),
  results: [result()],
  seconds: 1,
  use: use(),
  flood: { fewPeakBytes: 150e6, peakBytes: 190e6, statuses: [202, 202] },
  ...more,
});
const missed = (more: Partial<HostileRun>) =>
  buildHostileReport(run(more)).bounds.flatMap(({ what, value, pass }) => (pass ? [] : [[what, value]]));

describe('a run keeps its bounds', () => {
  it('when files are refused or answered in time, whatever preparers they cost', () => {
    const refused = result({ answer: '415 unsupported_media_type', outcome: null, prepareMs: null });
    expect(missed({ results: [result(), refused] })).toEqual([]);
  });

  it.each<[string, Partial<HostileRun>, [string, number]]>([
    ['no answer', { results: [result({ answer: 'no answer (TypeError)' })] }, ['files without an answer', 1]],
    ['a fault', { results: [result({ answer: '500 internal_error' })] }, ['answers 5xx', 1]],
    ['no verdict', { results: [result({ outcome: 'no verdict' })] }, ['accepted files without a verdict', 1]],
    ['a slow answer', { results: [result({ answerMs: 1_001 })] }, ['slowest answer of the gateway', 1_001]],
    ['a slow preparation', { results: [result({ prepareMs: 3_001 })] }, ['slowest preparation', 3_001]],
    ['a death', { use: use({ restarts: { aggregator: 1 } }) }, ['processes that died, preparers apart', 1]],
    ['memory', { use: use({ peakBytes: { 'gpu-worker': 851e6 } }) }, ['gpu-worker above idle', 251]],
    [
      'memory of many uploads',
      { flood: { fewPeakBytes: 0, peakBytes: 51e6, statuses: [202] } },
      ['gateway under 1 uploads of 20 MB at once, beside few', 51],
    ],
  ])('but not with %s', (_name, more, told) => {
    expect(missed(more)).toEqual([told]);
  });
});

it('tells what it could not see, and names the slowest files', () => {
  const results = [result(), result({ name: 'slow', answerMs: 900 })];
  const report = buildHostileReport(run({ results, use: null, flood: null }));
  expect(report.slowest.answer[0]).toMatchObject({ name: 'slow' });
  expect(report.answers).toEqual({ accepted: 2 });
  const text = formatHostileReport(report);
  expect(text).toContain('--data-dir');
  expect(text).toMatch(/900 ms {2}slow \(1000 bytes, authentic\)/);
});
