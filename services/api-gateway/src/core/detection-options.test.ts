import { describe, expect, it } from '@jest/globals';
import type { Slot } from '@touchstone/shared/contracts/vocabulary';
import type { InvalidFields } from './invalid-fields.ts';
import { parseDetectionOptions } from './detection-options.ts';

const DEPLOYED: Slot[] = ['sbi', 'distildire'];
const parse = (fields: Record<string, unknown>) => parseDetectionOptions(fields, DEPLOYED);
const refusalOf = (fields: Record<string, unknown>): InvalidFields => {
  try {
    parse(fields);
  } catch (error) {
    return error as InvalidFields;
  }
  throw new Error('the fields were accepted');
};

describe('options', () => {
  it('default to what the deployment has', () => {
    expect(parse({})).toEqual({ external_id: null, detectors: DEPLOYED, operating_point: null });
    expect(parse({ external_id: '', detectors: '' })).toEqual(parse({}));
  });

  it('are canonical: the same choice in other words is the same', () => {
    const chosen = parse({ external_id: 'a 1', detectors: 'distildire, sbi,sbi' });
    expect(chosen).toEqual({ external_id: 'a 1', detectors: ['sbi', 'distildire'], operating_point: null });
  });

  it.each([
    ['always', ['sbi', 'distildire', 'llm']],
    ['uncertain', DEPLOYED],
    ['off', DEPLOYED],
  ])('with llm=%s ask %p', (llm, detectors) => {
    expect(parse({ llm }).detectors).toEqual(detectors);
  });

  it.each([
    [{}, 'always', ['sbi', 'distildire', 'llm'], 'always'],
    [{}, 'uncertain', ['sbi', 'distildire', 'llm'], 'uncertain'],
    [{}, 'off', ['sbi', 'distildire'], 'off'],
    [{ llm: 'off' }, 'always', ['sbi', 'distildire'], 'off'],
    [{ llm: 'uncertain' }, 'off', ['sbi', 'distildire', 'llm'], 'uncertain'],
    [{ detectors: 'sbi' }, 'always', ['sbi'], 'off'],
    [{ detectors: 'sbi', llm: 'uncertain' }, 'always', ['sbi', 'llm'], 'uncertain'],
    [{ detectors: 'sbi,llm' }, 'off', ['sbi', 'llm'], 'always'],
    [{ detectors: 'sbi,llm' }, 'uncertain', ['sbi', 'llm'], 'uncertain'],
  ] as const)('with a judge, %j under the default %s ask %j: %s', (fields, policy, detectors, llm) => {
    expect(parseDetectionOptions(fields, ['sbi', 'distildire', 'llm'], policy)).toMatchObject({ detectors, llm });
  });

  it.each([
    [{ external_id: 'x'.repeat(201) }, '/external_id'],
    [{ external_id: 'a\nb' }, '/external_id'],
    [{ external_id: ['a', 'b'] }, '/external_id'],
    [{ detectors: 'sbi,best' }, '/detectors'],
    [{ detectors: 'llm', llm: 'off' }, '/detectors'],
    [{ llm: 'yes' }, '/llm'],
    [{ operating_point: 'FPR 1 %' }, '/operating_point'],
    [{ webhook: 'https://example.com' }, '/webhook'],
    [{ toString: 'x' }, '/toString'],
    [{ 'a/b~c': 'x' }, '/a~1b~0c'],
    [{ image: 'not a file' }, '/image'],
  ])('%p are refused with a pointer', (fields, pointer) => {
    expect(() => parse(fields)).toThrow(
      expect.objectContaining({ code: 'malformed_request', errors: [expect.objectContaining({ pointer })] }),
    );
  });

  it('name every field at fault, and repeat no value', () => {
    const refusal = refusalOf({ llm: 'secret', detectors: 'secret', nope: 'secret' });
    expect(refusal.errors.map(({ pointer }) => pointer).toSorted()).toEqual(['/detectors', '/llm', '/nope']);
    expect(JSON.stringify([refusal.message, refusal.errors])).not.toContain('secret');
  });

  it('keep the name of an operating point: whether it is offered is for others to say', () => {
    expect(parse({ operating_point: 'fpr_1pct' }).operating_point).toBe('fpr_1pct');
  });
});
