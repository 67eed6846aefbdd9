import { describe, expect, it } from '@jest/globals';
import { artefactOf } from '../tests/fusion-fixtures.ts';
import { offeredPoints, unfittedDetectors } from './offered-points.ts';

const sbi = { slot: 'sbi' as const, version: '1.0.0', weights_sha256: 'a'.repeat(64) };
const other = { slot: 'distildire' as const, version: '1.0.0', weights_sha256: 'e'.repeat(64) };

describe('the operating points on offer', () => {
  it('are those that hold whichever detectors answer', () => {
    const artefact = artefactOf();
    expect(offeredPoints(artefact, [sbi])).toEqual(['fpr_1pct', 'fpr_5pct']);
    artefact.subsets['distildire']!.bands = { fpr_5pct: artefact.subsets['sbi']!.bands['fpr_5pct']! };
    expect(offeredPoints(artefact, [sbi])).toEqual(['fpr_5pct']);
  });

  it('are none without an artefact, and beside a detector that it was not fitted for', () => {
    expect(offeredPoints(null, [sbi])).toEqual([]);
    expect(offeredPoints(artefactOf(), [sbi, other])).toEqual([]);
    expect(offeredPoints(artefactOf(), [{ ...sbi, version: '1.0.1' }])).toEqual([]);
  });
});

describe('detectors that a calibration does not know', () => {
  it('are named, but not those that gave no answer, nor the LLM', () => {
    const silent = { slot: 'sbi', version: null, weights_sha256: null };
    const llm = { slot: 'llm', version: '1.0.0', weights_sha256: 'c'.repeat(64) };
    expect(unfittedDetectors(artefactOf(), [sbi, other, silent, llm])).toEqual([other]);
  });
});
