import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { openSecretBox } from './secret-box.ts';

const [old, fresh] = [randomBytes(32), randomBytes(32)] as const;
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

describe('a secret box', () => {
  const box = openSecretBox([old]);

  it('gives back what was sealed, and seals the same text differently each time', () => {
    const [one, other] = [box.seal(SECRET, 'a/b'), box.seal(SECRET, 'a/b')];
    expect(one).not.toBe(other);
    expect([one, other].map((sealed) => box.open(sealed, 'a/b'))).toEqual([SECRET, SECRET]);
    expect(one).not.toContain(SECRET.slice(6));
  });

  it('opens with any of its keys and seals with the first', () => {
    const sealed = box.seal(SECRET, 'x');
    expect(openSecretBox([fresh, old]).open(sealed, 'x')).toBe(SECRET);
    const later = openSecretBox([fresh, old]).seal(SECRET, 'x');
    expect(openSecretBox([fresh]).open(later, 'x')).toBe(SECRET);
    expect(() => box.open(later, 'x')).toThrow('cannot be opened');
  });

  it('does not open in another context', () => {
    expect(() => box.open(box.seal(SECRET, 'tenant-a/1'), 'tenant-b/1')).toThrow('cannot be opened');
  });

  it('does not open when any one bit has changed', () => {
    const sealed = box.seal(SECRET, 'x');
    const bytes = Buffer.from(sealed.slice(5), 'base64url');
    const opened = Array.from({ length: bytes.length * 8 }, (_, bit) => {
      const copy = Buffer.from(bytes);
      copy[bit >> 3]! ^= 1 << (bit & 7);
      try {
        return box.open(`gcm1.${copy.toString('base64url')}`, 'x');
      } catch {
        return null;
      }
    });
    expect(opened.filter((text) => text !== null)).toEqual([]);
  });

  it.each(['', 'gcm1.', 'gcm1.AAAA', SECRET, 'gcm2.'.padEnd(80, 'A')])(
    'refuses %j, and its error shows none of it',
    (text) => {
      const attempt = () => box.open(text, 'x');
      expect(attempt).toThrow('a sealed secret cannot be opened: by another SECRET_KEY, moved or changed');
    },
  );
});
