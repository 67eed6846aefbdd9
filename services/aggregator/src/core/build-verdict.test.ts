import { describe, expect, it } from '@jest/globals';
import { VerdictRecord } from '@touchstone/shared/contracts/verdict-record';
import type { Slot } from '@touchstone/shared/contracts/vocabulary';
import { buildVerdict, type VerdictInput } from './build-verdict.ts';
import { artefactOf, partialOf, requestOf } from '../../../../packages/fusion/tests/fusion-fixtures.ts';

const build = (more: Partial<VerdictInput>) =>
  buildVerdict({
    request: requestOf(),
    revision: 1,
    partials: [],
    calibration: null,
    expired: false,
    nowMs: Date.parse('2026-11-25T10:00:01Z'),
    ...more,
  });
const face = (score: number | null) => ({
  box: [0, 0, 90, 90] as [number, number, number, number],
  face_score: 0.9,
  score,
  reason: score === null ? ('face_too_small' as const) : null,
});

describe('a verdict record', () => {
  it('fits its contract and names what each detector brought', () => {
    const record = build({
      partials: [
        partialOf('sbi', 0.97, { faces: [face(0.2), face(0.97), face(null)], scored_regions: 2 }),
        partialOf('distildire', 0.98),
      ],
    });
    expect(VerdictRecord.parse(record)).toEqual(record);
    expect(record).toMatchObject({ verdict: 'manipulated', status: 'completed', degraded: [], calibration: null });
    expect(record.detectors.map((row) => [row.slot, row.status])).toEqual([
      ['sbi', 'completed'],
      ['distildire', 'completed'],
      ['llm', 'skipped'],
    ]);
    expect(record.detectors[0]!.regions).toHaveLength(3);
    expect(record.summary).toContain('most of all face 2 of 3');
    expect(record.summary).toContain('not calibrated');
  });

  it('adds up what its answers cost', () => {
    const cost = { llm_tokens_in: 0, llm_tokens_out: 0, gpu_ms: 20, usd: 0 };
    const judged = { ...cost, llm_tokens_in: 1_365, llm_tokens_out: 250, gpu_ms: 0, usd: 0.007 };
    const record = build({
      partials: [
        partialOf('sbi', 0.9, { cost }),
        partialOf('distildire', 0.9, { cost }),
        partialOf('llm', 0.9, { cost: judged }),
      ],
    });
    expect(record.cost).toEqual({ ...judged, gpu_ms: 40 });
  });

  it('names its calibration when it used one', () => {
    const calibration = { artefact: artefactOf(), sha256: 'f'.repeat(64) };
    const record = build({ partials: [partialOf('sbi', 0.9), partialOf('distildire', 0.9)], calibration });
    expect(record.calibration).toEqual({ id: 'cal-test', sha256: 'f'.repeat(64), domain: 'synthetic' });
    expect(record.summary).not.toContain('not calibrated');
  });

  it('declares a detector that was lost, but not one whose subject is missing', () => {
    const lost = { status: 'skipped', reason: 'model_unavailable', detector: null } as const;
    const record = build({ partials: [partialOf('sbi', null, lost), partialOf('distildire', 0.5)] });
    expect(record.degraded).toEqual([{ detector: 'sbi', reason: 'model_unavailable' }]);
    expect(record.summary).toContain('Without an answer: the face detector.');
    expect(build({ partials: [partialOf('sbi', null), partialOf('distildire', 0.5)] }).degraded).toEqual([]);
  });

  it('says whether the client or the deployment left a detector out', () => {
    const request = requestOf({
      options: { external_id: null, detectors: ['distildire', 'llm'], operating_point: null },
      slots: ['distildire'],
    });
    const record = build({ request, partials: [partialOf('distildire', 0.5)] });
    expect(record.detectors.map((row) => row.reason)).toEqual(['policy', null, 'model_unavailable']);
    expect(record.degraded).toEqual([{ detector: 'llm', reason: 'model_unavailable' }]);
  });

  it('shows what the LLM said, and calls it no loss when it was not to be asked', () => {
    const askOf = (llm: 'uncertain' | 'off', detectors: Slot[]) =>
      requestOf({ options: { external_id: null, detectors, operating_point: null, llm }, slots: detectors });
    const cnn = [partialOf('sbi', 0.02), partialOf('distildire', 0.05)];
    const asked = askOf('uncertain', ['sbi', 'distildire', 'llm']);
    const spoken = build({ request: asked, partials: [...cnn, partialOf('llm', 0.3)] });
    expect(VerdictRecord.parse(spoken).detectors[2]).toMatchObject({
      probability: 0.3,
      judgement: { model: 'test', verdict: 'authentic' },
    });
    const skipped = partialOf('llm', null, { status: 'skipped', reason: 'policy', detector: null });
    expect(build({ request: asked, partials: [...cnn, skipped] }).degraded).toEqual([]);
    expect(build({ request: asked, partials: cnn }).degraded).toEqual([{ detector: 'llm', reason: 'deadline' }]);
    const left = build({ request: askOf('off', ['sbi', 'distildire']), partials: cnn });
    expect(left.detectors[2]).toMatchObject({ status: 'skipped', reason: 'policy' });
    expect(left.degraded).toEqual([]);
  });

  it('expires without an answer, but not over the answer that is there', () => {
    const nothing = build({ expired: true });
    expect(nothing).toMatchObject({ status: 'expired', verdict: 'unable_to_evaluate', reasons: ['expired'] });
    expect(nothing.degraded).toEqual([
      { detector: 'sbi', reason: 'deadline' },
      { detector: 'distildire', reason: 'deadline' },
    ]);
    expect(nothing.summary).toContain('within a day');
    expect(build({ expired: true, partials: [partialOf('distildire', 0.99)] })).toMatchObject({
      status: 'expired',
      verdict: 'manipulated',
    });
  });

  it('names only the detectors that said so, and those that did not', () => {
    const summaryOf = (sbi: number, distildire: number) =>
      build({ partials: [partialOf('sbi', sbi), partialOf('distildire', distildire)] }).summary;
    expect(summaryOf(0.9999, 0.1)).toContain('says the face detector; the whole-image detector does not agree (10 %).');
    expect(summaryOf(0.0001, 0.9)).toContain('says the face detector; the whole-image detector does not agree (90 %).');
    expect(summaryOf(0.97, 0.98)).toContain('says the face detector and the whole-image detector.');
  });

  it.each([
    [[partialOf('sbi', null), partialOf('distildire', 0.01)], 'This image looks authentic'],
    [[partialOf('sbi', null)], 'no face was found'],
    [[partialOf('sbi', null, { reason: 'face_too_small' })], 'too small'],
    [[partialOf('distildire', null, { status: 'failed', reason: 'undecodable' })], 'could not be decoded'],
    [[partialOf('sbi', 0.99), partialOf('distildire', 0.01)], 'disagree'],
    [[partialOf('sbi', 0.5), partialOf('distildire', 0.5)], 'too weak'],
  ])('sums %#. up in one plain sentence', (partials, words) => {
    const request = requestOf({ slots: partials.map((partial) => partial.slot) });
    expect(build({ request, partials }).summary).toContain(words);
  });
});
