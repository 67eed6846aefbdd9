import { describe, expect, it } from '@jest/globals';
import { OriginalAnswer } from '@touchstone/shared/contracts/original-answer';
import { rowOf, silentRow, verdictOf } from '../../tests/verdict-fixtures.ts';
import { lacksEveryDetector, projectOriginalAnswer } from './project-original-answer.ts';

const inactive = (status: string) => ({ is_fake: null, confidence: null, status });

it('says how sure the answer is, not how fake the image', () => {
  const answer = projectOriginalAnswer(
    verdictOf({
      probability: 0.126,
      detectors: [
        rowOf('sbi', { probability: 0.5 }),
        rowOf('distildire', { probability: 0.499 }),
        rowOf('llm', { probability: 0 }),
      ],
    }),
  );
  expect(answer).toEqual({
    is_fake: false,
    confidence: 0.87,
    ensemble_mode: '3_models_active',
    models: {
      sbi: { is_fake: true, confidence: 0.5, status: 'active' },
      distildire: { is_fake: false, confidence: 0.5, status: 'active' },
      chatgpt: { is_fake: false, confidence: 1, status: 'active' },
    },
  });
});

it('keeps apart why a model says nothing, and counts the active ones', () => {
  const answer = projectOriginalAnswer(
    verdictOf({
      detectors: [
        silentRow('sbi', { status: 'not_applicable', reason: 'no_face' }),
        rowOf('distildire'),
        silentRow('llm', { status: 'refused', reason: 'refusal' }),
      ],
    }),
  );
  expect(answer).toMatchObject({
    ensemble_mode: '1_models_active',
    models: { sbi: inactive('not_applicable'), chatgpt: inactive('refused') },
  });
});

it.each([
  ['timed_out', 'timed_out'],
  ['failed', 'failed'],
  ['skipped', 'unavailable'],
  ['pending', 'unavailable'],
] as const)('calls %s %s', (status, told) => {
  const { models } = projectOriginalAnswer(verdictOf({ detectors: [silentRow('sbi', { status })] }));
  expect(models).toEqual({
    sbi: inactive(told),
    distildire: inactive('unavailable'),
    chatgpt: inactive('unavailable'),
  });
});

it('gives no answer of its own when no model does', () => {
  const verdict = verdictOf({ probability: null, verdict: 'not_applicable', detectors: [] });
  const answer = projectOriginalAnswer(verdict);
  expect(OriginalAnswer.parse(answer)).toMatchObject({
    is_fake: null,
    confidence: null,
    ensemble_mode: '0_models_active',
  });
});

describe('a question lacks every detector', () => {
  const quiet = silentRow('sbi', { status: 'not_applicable', reason: 'no_face' });
  const spared = silentRow('llm', { status: 'skipped', reason: 'policy' });

  it.each(['skipped', 'failed', 'timed_out', 'refused', 'pending'] as const)(
    'when the one that is left is %s',
    (status) => {
      const verdict = verdictOf({ detectors: [quiet, silentRow('distildire', { status })] });
      expect(lacksEveryDetector(verdict, ['sbi', 'distildire'])).toBe(true);
      expect(lacksEveryDetector(verdict, ['distildire'])).toBe(true);
      expect(lacksEveryDetector(verdict, ['sbi'])).toBe(false);
    },
  );

  it('when a row is missing', () => {
    expect(lacksEveryDetector(verdictOf({ detectors: [quiet] }), ['sbi', 'distildire'])).toBe(true);
  });

  it('but not as long as one works, and not for an LLM that was not to be asked', () => {
    const broken = silentRow('sbi', { status: 'failed' });
    expect(lacksEveryDetector(verdictOf({ detectors: [broken, rowOf('distildire')] }), ['sbi', 'distildire'])).toBe(
      false,
    );
    expect(lacksEveryDetector(verdictOf({ detectors: [quiet, spared] }), ['sbi', 'llm'])).toBe(false);
    expect(lacksEveryDetector(verdictOf({ detectors: [broken, spared] }), ['sbi', 'llm'])).toBe(true);
  });
});
