import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { z } from 'zod';
import { Tenant } from '@touchstone/shared/contracts/detection-id';

export const Scope = z.enum(['detect:write', 'detect:read', 'webhooks:manage', 'ops:read']);
export type Scope = z.infer<typeof Scope>;

/** What is kept of a key: enough to recognise it, nothing to make it from. */
export const ApiKeyRecord = z.object({
  id: z.string().regex(/^[0-9a-f]{8}$/),
  tenant: Tenant,
  scopes: z.array(Scope).min(1),
  /** Of the whole key. Its secret has 256 random bits, so a slow hash would add nothing. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  last4: z.string().length(4),
  created_at: z.iso.datetime(),
  expires_at: z.iso.datetime().optional(),
  revoked_at: z.iso.datetime().optional(),
  /** Submissions that this key may send, in place of the gateway's own limits; 0 sets none. */
  rate_limit_per_minute: z.number().int().min(0).optional(),
  rate_limit_per_day: z.number().int().min(0).optional(),
});
export type ApiKeyRecord = z.infer<typeof ApiKeyRecord>;

const PREFIX = 'dfk_live_';
const ID_CHARS = 8;
const SECRET_BYTES = 32;
const SECRET_CHARS = 43;
const SECRET_AT = PREFIX.length + ID_CHARS + 1;
const CRC_AT = SECRET_AT + SECRET_CHARS + 1;
const KEY_CHARS = CRC_AT + 8;

const checksumOf = (text: string) => crc32(text).toString(16).padStart(8, '0');
const digestOf = (key: string) => createHash('sha256').update(key).digest();

/** `dfk_live_<8 id>_<43 base64url>_<crc>`. The text is shown once and kept nowhere. */
export function makeApiKey(): { text: string; id: string; sha256: string; last4: string } {
  const id = randomBytes(ID_CHARS / 2).toString('hex');
  const secret = randomBytes(SECRET_BYTES).toString('base64url');
  const body = `${PREFIX}${id}_${secret}`;
  const text = `${body}_${checksumOf(body)}`;
  return { text, id, sha256: digestOf(text).toString('hex'), last4: secret.slice(-4) };
}

/** Whether this can be a key at all: a typing error is told apart without a look at the records. */
export function isWellFormedKey(text: string): boolean {
  // By length, because base64url contains the separator.
  return (
    text.length === KEY_CHARS &&
    text.startsWith(PREFIX) &&
    text[SECRET_AT - 1] === '_' &&
    /^[0-9a-f]{8}$/.test(text.slice(PREFIX.length, SECRET_AT - 1)) &&
    /^[A-Za-z0-9_-]{43}$/.test(text.slice(SECRET_AT, CRC_AT - 1)) &&
    text.slice(CRC_AT - 1) === `_${checksumOf(text.slice(0, CRC_AT - 1))}`
  );
}

/** The record of a key that is valid now, or null. Looks at every record whatever it finds, in constant time each. */
export function findApiKey(records: ApiKeyRecord[], text: string, nowMs: number): ApiKeyRecord | null {
  if (!isWellFormedKey(text)) return null;
  const digest = digestOf(text);
  let found: ApiKeyRecord | null = null;
  for (const record of records) if (timingSafeEqual(digest, Buffer.from(record.sha256, 'hex'))) found = record;
  if (found === null || found.revoked_at !== undefined) return null;
  return found.expires_at !== undefined && Date.parse(found.expires_at) <= nowMs ? null : found;
}
