import { createHash, timingSafeEqual } from 'node:crypto';

export const OPERATOR = 'ops';
export const SESSION_COOKIE = 'touchstone_ops';

/** Compares in constant time, whatever the lengths are. */
export function isPassword(given: string, password: string): boolean {
  return timingSafeEqual(digestOf(given), digestOf(password));
}

export const digestOf = (text: string) => createHash('sha256').update(text).digest();

/** Password of `Authorization: Basic` (RFC 7617) for the one user there is; null for everything else. */
export function readBasicPassword(authorization: string | undefined): string | null {
  const [, encoded] = /^Basic +([A-Za-z0-9+/]+=*) *$/i.exec(authorization ?? '') ?? [];
  if (encoded === undefined) return null;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  return text.startsWith(`${OPERATOR}:`) ? text.slice(OPERATOR.length + 1) : null;
}

/** Id of the session that the cookies name; null when there is none of the right form. */
export function readSessionId(cookies: string | undefined): string | null {
  for (const cookie of (cookies ?? '').split(';')) {
    const [, id] = new RegExp(`^ *${SESSION_COOKIE}=([A-Za-z0-9_-]{43}) *$`).exec(cookie) ?? [];
    if (id !== undefined) return id;
  }
  return null;
}
