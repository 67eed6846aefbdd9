import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { ApiKeyRecord, findApiKey, isWellFormedKey, makeApiKey } from './api-key.ts';

const recordOf = (made: ReturnType<typeof makeApiKey>, more: Partial<ApiKeyRecord> = {}): ApiKeyRecord => {
  const { text: _shownOnce, ...kept } = made;
  return { ...kept, tenant: 'acme', scopes: ['detect:read'], created_at: '2026-11-25T10:00:00.000Z', ...more };
};
const NOW = Date.parse('2026-11-25T12:00:00.000Z');

describe('an API key', () => {
  it('is well formed whatever separators its secret holds', () => {
    for (let i = 0; i < 500; i++) {
      const { text } = makeApiKey();
      expect(text).toMatch(/^dfk_live_[0-9a-f]{8}_[A-Za-z0-9_-]{43}_[0-9a-f]{8}$/);
      expect(isWellFormedKey(text)).toBe(true);
    }
  });

  it('is not well formed with any one character changed, or of another length', () => {
    const { text } = makeApiKey();
    for (let i = 0; i < text.length; i++) {
      const other = text[i] === 'a' ? 'b' : 'a';
      expect(isWellFormedKey(text.slice(0, i) + other + text.slice(i + 1))).toBe(false);
    }
    expect(isWellFormedKey(`${text}0`)).toBe(false);
    expect(isWellFormedKey(text.slice(1))).toBe(false);
    expect(isWellFormedKey('')).toBe(false);
  });

  it('is found by its digest among others, and its record holds nothing to make it from', () => {
    const made = [makeApiKey(), makeApiKey(), makeApiKey()];
    const records = made.map((key) => recordOf(key));
    expect(findApiKey(records, made[1]!.text, NOW)).toBe(records[1]);
    expect(findApiKey(records, makeApiKey().text, NOW)).toBeNull();
    expect(JSON.stringify(ApiKeyRecord.parse(records[1]))).not.toContain(made[1]!.text.slice(18, 61));
  });

  it('ends when it expires or is revoked', () => {
    const made = makeApiKey();
    const find = (more: Partial<ApiKeyRecord>) => findApiKey([recordOf(made, more)], made.text, NOW);
    expect(find({ expires_at: '2026-11-25T12:00:00.001Z' })).not.toBeNull();
    expect(find({ expires_at: '2026-11-25T12:00:00.000Z' })).toBeNull();
    expect(find({ revoked_at: '2026-11-25T11:00:00.000Z' })).toBeNull();
  });

  it('cannot be guessed with the id of another', () => {
    const made = makeApiKey();
    for (let i = 0; i < 1_000; i++) {
      const body = `dfk_live_${made.id}_${randomBytes(32).toString('base64url')}`;
      const guess = `${body}_${crc32(body).toString(16).padStart(8, '0')}`;
      expect(isWellFormedKey(guess)).toBe(true);
      expect(findApiKey([recordOf(made)], guess, NOW)).toBeNull();
    }
  });
});
