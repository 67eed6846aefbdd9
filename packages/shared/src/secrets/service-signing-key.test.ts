import { describe, expect, it } from '@jest/globals';
import { createHash, createPublicKey, verify } from 'node:crypto';
import { signWebhook, verifyWebhook } from '../outbound/webhook-signature.ts';
import { deriveServiceSigningKeys } from './service-signing-key.ts';

const secretKeys = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
const message = { id: 'msg_1', timestampSeconds: 1_764_000_000, body: Buffer.from('{}') };

describe('service signing keys', () => {
  const keys = deriveServiceSigningKeys(secretKeys);

  it('follow from the secret keys alone, one each', () => {
    expect(deriveServiceSigningKeys(secretKeys)).toEqual(keys);
    expect(new Set(keys.map(({ publicKey }) => publicKey)).size).toBe(2);
  });

  it('sign webhooks that verify with their public half and not with the other', () => {
    const headers = signWebhook(message, [keys[0]!.privateKey]);
    const verdicts = keys.map(({ publicKey }) =>
      verifyWebhook({ headers, body: message.body }, [publicKey], 1_764_000_000),
    );
    expect(verdicts).toEqual(['valid', 'no_match']);
  });

  it('are published as JWKs that node:crypto verifies with', () => {
    const headers = signWebhook(message, [keys[0]!.privateKey]);
    const key = createPublicKey({ key: { ...keys[0]!.jwk }, format: 'jwk' });
    const signature = Buffer.from(headers['webhook-signature'].replace('v1a,', ''), 'base64');
    expect(verify(null, Buffer.from('msg_1.1764000000.{}'), key, signature)).toBe(true);
  });

  it('have the thumbprint of RFC 7638 as their kid', () => {
    for (const { jwk } of keys) {
      const canonical = `{"crv":"Ed25519","kty":"OKP","x":"${jwk.x}"}`;
      expect(jwk.kid).toBe(createHash('sha256').update(canonical).digest('base64url'));
      expect(Object.keys(jwk)).not.toContain('d');
    }
  });
});
