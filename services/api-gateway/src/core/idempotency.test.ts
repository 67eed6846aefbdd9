import { describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import type { AppError } from '@touchstone/shared/contracts/failure';
import { requestOf } from '../../tests/verdict-fixtures.ts';
import { fingerprintOf, keyHashOf, type Fingerprinted } from './idempotency.ts';

describe('the header Idempotency-Key', () => {
  it('is hashed as it is, whatever it looks like', () => {
    for (const key of ['8e03978e', '"8e03978e"', 'a key with spaces', 'x'.repeat(255)]) {
      expect(keyHashOf([key])).toBe(createHash('sha256').update(key).digest('hex'));
    }
    expect(keyHashOf(undefined)).toBeNull();
  });

  it.each([[['']], [['x'.repeat(256)]], [['tab\there']], [['ümlaut']], [['one', 'two']]])(
    'is refused: %j',
    (values) => {
      let refusal: unknown;
      try {
        keyHashOf(values);
      } catch (error) {
        refusal = error;
      }
      expect((refusal as AppError).code).toBe('malformed_request');
    },
  );
});

describe('the fingerprint', () => {
  const base: Fingerprinted = requestOf();
  const url = 'https://example.org/hook';

  it('does not depend on the order in which options were put together, nor on what we chose ourselves', () => {
    const { external_id, detectors, operating_point } = base.options;
    const same = fingerprintOf({ ...base, options: { operating_point, detectors, external_id } });
    expect(same).toBe(fingerprintOf(base));
    expect(fingerprintOf(requestOf({ priority: 1, slots: ['sbi'] }))).toBe(same);
  });

  it('differs with the image, with each option and with who is to be told', () => {
    const others: Fingerprinted[] = [
      { ...base, image: { sha256: 'e'.repeat(64) } },
      { ...base, options: { ...base.options, external_id: 'mine' } },
      { ...base, options: { ...base.options, detectors: ['distildire'] } },
      { ...base, options: { ...base.options, operating_point: 'fpr_1pct' } },
      { ...base, options: { ...base.options, llm: 'off' } },
      { ...base, callback: { kind: 'once', url } },
      { ...base, callback: { kind: 'once', url: `${url}2` } },
    ];
    expect(new Set([base, ...others].map(fingerprintOf)).size).toBe(others.length + 1);
  });
});
