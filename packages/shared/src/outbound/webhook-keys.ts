import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto';

/**
 * Keys of Standard Webhooks 1.0.0 as text: `whsec_` + base64 of 24 to 64 bytes (HMAC), `whsk_` + base64 of an Ed25519
 * seed and its public key, `whpk_` + base64 of that public key.
 */
export type SigningKey = { version: 'v1'; secret: Buffer } | { version: 'v1a'; key: KeyObject };
export type VerifyingKey = SigningKey;

const SEED_BYTES = 32;
/** What stands before the bare key in PKCS #8 and in SubjectPublicKeyInfo; RFC 8410 sections 4 and 7. */
const PKCS8_HEAD = Buffer.from('302e020100300506032b657004220420', 'hex');
const SPKI_HEAD = Buffer.from('302a300506032b6570032100', 'hex');

export function generateWebhookSecret(): string {
  return `whsec_${randomBytes(32).toString('base64')}`;
}

export function generateWebhookKeyPair(): { privateKey: string; publicKey: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const seed = privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(PKCS8_HEAD.length);
  const point = publicKey.export({ format: 'der', type: 'spki' }).subarray(SPKI_HEAD.length);
  return {
    privateKey: `whsk_${Buffer.concat([seed, point]).toString('base64')}`,
    publicKey: `whpk_${point.toString('base64')}`,
  };
}

/** `whsec_` or `whsk_`, the latter also as the bare seed. Error texts never hold the key. */
export function parseSigningKey(text: string): SigningKey {
  if (text.startsWith('whsec_')) return { version: 'v1', secret: parseSecret(text) };
  const bytes = decodeAfter('whsk_', text);
  if (bytes.length !== SEED_BYTES && bytes.length !== 2 * SEED_BYTES) throw new Error('not an Ed25519 signing key');
  const der = Buffer.concat([PKCS8_HEAD, bytes.subarray(0, SEED_BYTES)]);
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const point = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(SPKI_HEAD.length);
  if (bytes.length > SEED_BYTES && !point.equals(bytes.subarray(SEED_BYTES))) {
    throw new Error('the halves of the Ed25519 signing key do not belong together');
  }
  return { version: 'v1a', key };
}

/** `whsec_` or `whpk_`. */
export function parseVerifyingKey(text: string): VerifyingKey {
  if (text.startsWith('whsec_')) return { version: 'v1', secret: parseSecret(text) };
  const bytes = decodeAfter('whpk_', text);
  if (bytes.length !== SEED_BYTES) throw new Error('not an Ed25519 public key');
  return {
    version: 'v1a',
    key: createPublicKey({ key: Buffer.concat([SPKI_HEAD, bytes]), format: 'der', type: 'spki' }),
  };
}

function parseSecret(text: string): Buffer {
  const secret = decodeAfter('whsec_', text);
  if (secret.length < 24 || secret.length > 64) throw new Error('a webhook secret has 24 to 64 bytes');
  return secret;
}

function decodeAfter(prefix: string, text: string): Buffer {
  const encoded = text.slice(prefix.length);
  const bytes = Buffer.from(encoded, 'base64');
  if (!text.startsWith(prefix) || bytes.toString('base64') !== encoded) {
    throw new Error(`not a webhook key: expected ${prefix} and base64`);
  }
  return bytes;
}
