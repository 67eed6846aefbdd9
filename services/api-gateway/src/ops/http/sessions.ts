import { randomBytes } from 'node:crypto';
import { digestOf } from '../core/credentials.ts';

/** Who has logged in. Sessions live in this process alone: a restart ends them. */
export type Sessions = {
  /** Gives back the id for the cookie: 256 random bits. */
  open(): string;
  isOpen(id: string | null): boolean;
  close(id: string | null): void;
};

export const SESSION_LIFETIME_MS = 12 * 3_600_000;
const MAX_SESSIONS = 100;

export function createSessions(nowMs: () => number): Sessions {
  /** End of each session by the digest of its id, oldest first: a look-up by digest tells nothing of the id by its time. */
  const ends = new Map<string, number>();
  const keyOf = (id: string) => digestOf(id).toString('hex');
  return {
    open() {
      const now = nowMs();
      for (const [key, end] of ends) if (end <= now || ends.size >= MAX_SESSIONS) ends.delete(key);
      const id = randomBytes(32).toString('base64url');
      ends.set(keyOf(id), now + SESSION_LIFETIME_MS);
      return id;
    },
    isOpen: (id) => id !== null && (ends.get(keyOf(id)) ?? 0) > nowMs(),
    close(id) {
      if (id !== null) ends.delete(keyOf(id));
    },
  };
}
