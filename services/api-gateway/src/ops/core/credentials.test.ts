import { expect, it } from '@jest/globals';
import { isPassword, readBasicPassword, readSessionId, SESSION_COOKIE } from './credentials.ts';

const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;

it('a password is compared whole, whatever its length', () => {
  expect(isPassword('right', 'right')).toBe(true);
  for (const given of ['', 'righ', 'right ', 'wrong']) expect(isPassword(given, 'right')).toBe(false);
});

it('Basic credentials count for the user ops alone, and the password may hold a colon', () => {
  expect(readBasicPassword(basic('ops:a:b'))).toBe('a:b');
  for (const other of [undefined, '', 'Basic', 'Bearer b3BzOmE=', basic('root:a'), basic('ops'), 'Basic %%%']) {
    expect(readBasicPassword(other)).toBeNull();
  }
});

it('a session id is found among other cookies and must have the right form', () => {
  const id = 'a'.repeat(43);
  expect(readSessionId(`theme=dark; ${SESSION_COOKIE}=${id}; x=y`)).toBe(id);
  for (const other of [undefined, '', `${SESSION_COOKIE}=`, `${SESSION_COOKIE}=${id}b`, `x${SESSION_COOKIE}=${id}`]) {
    expect(readSessionId(other)).toBeNull();
  }
});
