import { createHmac, sign, timingSafeEqual, verify } from 'node:crypto';
import { parseSigningKey, parseVerifyingKey, type VerifyingKey } from './webhook-keys.ts';

/** The three headers of Standard Webhooks 1.0.0. */
export type WebhookHeaders = { 'webhook-id': string; 'webhook-timestamp': string; 'webhook-signature': string };

/** Seconds that a receiver's clock may differ, either way. */
const TOLERANCE_SECONDS = 300;
/** No `.`, which separates the signed parts: `a.1` + body and `a` + `1.body` would otherwise sign alike. */
const WEBHOOK_ID = /^[A-Za-z0-9_-]{1,200}$/;
const TIMESTAMP = /^[1-9]\d{0,11}$/;

/**
 * Signs the exact bytes that will be sent, once per key: during a rotation the old and the new one. `whsec_` keys give
 * `v1` (HMAC-SHA256), `whsk_` keys `v1a` (Ed25519).
 */
export function signWebhook(
  message: { id: string; timestampSeconds: number; body: Uint8Array },
  keys: readonly string[],
): WebhookHeaders {
  const timestamp = String(message.timestampSeconds);
  if (!WEBHOOK_ID.test(message.id)) throw new Error('not a webhook id');
  if (!TIMESTAMP.test(timestamp)) throw new Error('not a webhook timestamp: whole seconds since the epoch');
  if (keys.length === 0) throw new Error('a webhook needs at least one key');
  const content = signedContent(message.id, timestamp, message.body);
  const signatures = keys.map((text) => {
    const key = parseSigningKey(text);
    return key.version === 'v1'
      ? `v1,${hmacOf(key.secret, content)}`
      : `v1a,${sign(null, content, key.key).toString('base64')}`;
  });
  return { 'webhook-id': message.id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') };
}

export type WebhookVerification = 'valid' | 'missing_header' | 'malformed' | 'too_old' | 'too_new' | 'no_match';

/** What a receiver does: one signature by one of its keys (`whsec_` or `whpk_`) is enough. Takes constant time per key. */
export function verifyWebhook(
  message: { headers: Readonly<Record<string, string | undefined>>; body: Uint8Array },
  keys: readonly string[],
  nowSeconds: number,
): WebhookVerification {
  const id = message.headers['webhook-id'];
  const timestamp = message.headers['webhook-timestamp'];
  const given = message.headers['webhook-signature'];
  if (id === undefined || timestamp === undefined || given === undefined) return 'missing_header';
  if (!WEBHOOK_ID.test(id) || !TIMESTAMP.test(timestamp)) return 'malformed';
  const ageSeconds = nowSeconds - Number(timestamp);
  if (ageSeconds > TOLERANCE_SECONDS) return 'too_old';
  if (ageSeconds < -TOLERANCE_SECONDS) return 'too_new';
  const content = signedContent(id, timestamp, message.body);
  const signatures = given.split(' ');
  return keys.some((text) => hasSignature(signatures, content, parseVerifyingKey(text))) ? 'valid' : 'no_match';
}

function hasSignature(signatures: readonly string[], content: Buffer, key: VerifyingKey): boolean {
  const mine = signatures
    .filter((signature) => signature.startsWith(`${key.version},`))
    .map((signature) => signature.slice(key.version.length + 1));
  if (key.version === 'v1a') return mine.some((encoded) => isSignedBy(key.key, content, encoded));
  const expected = Buffer.from(hmacOf(key.secret, content));
  return mine.some((encoded) => {
    const bytes = Buffer.from(encoded);
    return bytes.length === expected.length && timingSafeEqual(bytes, expected);
  });
}

/** Base64 of 64 bytes leaves four bits unused: only the canonical text counts, or flips of those would pass. */
function isSignedBy(key: Parameters<typeof verify>[2], content: Buffer, encoded: string): boolean {
  const signature = Buffer.from(encoded, 'base64');
  return signature.toString('base64') === encoded && verify(null, content, key, signature);
}

function signedContent(id: string, timestamp: string, body: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`${id}.${timestamp}.`), body]);
}

function hmacOf(secret: Buffer, content: Buffer): string {
  return createHmac('sha256', secret).update(content).digest('base64');
}
