import { createHash, createPublicKey } from 'node:crypto';
import { parseSigningKey } from '../outbound/webhook-keys.ts';
import { deriveKey } from './derive-key.ts';
import type { SecretKeys } from './load-secret-keys.ts';

/** A public key as RFC 8037 section 2 writes it. `kid` is its thumbprint, RFC 7638. */
export type PublicJwk = { kty: 'OKP'; crv: 'Ed25519'; x: string; kid: string; use: 'sig'; alg: 'EdDSA' };

/** An Ed25519 key of the service itself, in the spellings of Standard Webhooks and of JWKS. */
export type ServiceSigningKey = { privateKey: string; publicKey: string; jwk: PublicJwk };

/**
 * One per secret key, in their order: the first signs, the others are retired or about to come, and receivers may need
 * their public halves. Derived, so every process of a deployment has the same without storing more than the secret key.
 */
export function deriveServiceSigningKeys(secretKeys: SecretKeys): ServiceSigningKey[] {
  return secretKeys.map((secretKey) => {
    const seed = deriveKey(secretKey, 'service-signing-key/v1');
    const signing = parseSigningKey(`whsk_${seed.toString('base64')}`);
    if (signing.version !== 'v1a') throw new Error('not an Ed25519 key');
    const x = createPublicKey(signing.key).export({ format: 'jwk' }).x!;
    const point = Buffer.from(x, 'base64url');
    return {
      privateKey: `whsk_${Buffer.concat([seed, point]).toString('base64')}`,
      publicKey: `whpk_${point.toString('base64')}`,
      jwk: { kty: 'OKP', crv: 'Ed25519', x, kid: thumbprintOf(x), use: 'sig', alg: 'EdDSA' },
    };
  });
}

/** RFC 7638: the required members alone, by name, without white space. */
function thumbprintOf(x: string): string {
  return createHash('sha256')
    .update(JSON.stringify({ crv: 'Ed25519', kty: 'OKP', x }))
    .digest('base64url');
}
