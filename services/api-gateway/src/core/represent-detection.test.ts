import { describe, expect, it } from '@jest/globals';
import { Detection } from '@touchstone/shared/contracts/detection';
import { partialOf, requestOf, verdictOf } from '../../tests/verdict-fixtures.ts';
import { representDetection } from './represent-detection.ts';

const open = { request: requestOf(), revision: 1, verdict: null, partials: [], hasStarted: false };

describe('a detection', () => {
  it('is queued until a worker takes it up or an answer is stored', () => {
    expect(representDetection(open)).toMatchObject({ status: 'queued', done: false, completed_at: null });
    expect(representDetection({ ...open, hasStarted: true }).status).toBe('processing');
    expect(representDetection({ ...open, partials: [partialOf('sbi')] }).status).toBe('processing');
  });

  it('shows the answers so far, and which are owed, left out or not to be had', () => {
    const request = requestOf({
      options: { external_id: 'mine', detectors: ['sbi'], operating_point: null },
      slots: ['sbi'],
    });
    const waiting = representDetection({ ...open, request });
    expect(waiting.external_id).toBe('mine');
    expect(waiting.detectors.map(({ slot, status, reason }) => [slot, status, reason])).toEqual([
      ['sbi', 'pending', null],
      ['distildire', 'skipped', 'policy'],
      ['llm', 'skipped', 'model_unavailable'],
    ]);
    const judged = { ...request, options: { ...request.options, llm: 'off' as const } };
    expect(representDetection({ ...open, request: judged }).detectors[2]).toMatchObject({ reason: 'policy' });
    const faces = [
      { box: [1, 2, 3, 4] as [number, number, number, number], face_score: 0.9, score: 0.8, reason: null },
    ];
    const answered = representDetection({ ...open, request, partials: [partialOf('sbi', { score: 0.8, faces })] });
    expect(answered.detectors[0]).toMatchObject({
      status: 'completed',
      score: 0.8,
      probability: null,
      regions: [{ kind: 'face', score: 0.8 }],
    });
  });

  it('has the size of the upright image once a worker has seen it', () => {
    expect(representDetection(open).image).toMatchObject({ width: 20, height: 30 });
    const partials = [partialOf('sbi', { image: null }), partialOf('distildire')];
    expect(representDetection({ ...open, partials }).image).toMatchObject({ width: 30, height: 20 });
  });

  it('tells the cost so far, then that of the verdict, and none that a verdict of old does not tell', () => {
    const cost = { llm_tokens_in: 0, llm_tokens_out: 0, gpu_ms: 12.5, usd: 0 };
    expect(representDetection(open).cost).toEqual({ ...cost, gpu_ms: 0 });
    expect(representDetection({ ...open, partials: [partialOf('sbi', { cost })] }).cost).toEqual(cost);
    const final = { ...cost, usd: 0.007 };
    expect(representDetection({ ...open, verdict: verdictOf({ cost: final }) }).cost).toEqual(final);
    expect(representDetection({ ...open, verdict: verdictOf() }).cost).toBeNull();
  });

  it('ends with everything that the verdict says', () => {
    const verdict = verdictOf();
    const detection = Detection.parse(representDetection({ ...open, verdict }));
    expect(detection).toMatchObject({
      status: 'completed',
      done: true,
      verdict: 'manipulated',
      probability: 0.934,
      completed_at: verdict.completed_at,
      detectors: verdict.detectors,
    });
  });
});
