import { describe, expect, it } from '@jest/globals';
import { createPublicKey, verify } from 'node:crypto';
import { webhookId } from './webhook-id.ts';
import { generateWebhookKeyPair, generateWebhookSecret, parseSigningKey, parseVerifyingKey } from './webhook-keys.ts';
import { signWebhook, verifyWebhook } from './webhook-signature.ts';

/** The vector of reliability.md section 4 W1. */
const vector = {
  secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  message: {
    id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    timestampSeconds: 1_614_265_330,
    body: Buffer.from('{"test": 2432232314}'),
  },
  signature: 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
};
const nowSeconds = vector.message.timestampSeconds;
const verifyMessage = (headers: Record<string, string>, keys: string[], body: Uint8Array = vector.message.body) =>
  verifyWebhook({ headers, body }, keys, nowSeconds);

describe('webhook signatures', () => {
  it('match the shared vector', () => {
    expect(signWebhook(vector.message, [vector.secret])).toEqual({
      'webhook-id': vector.message.id,
      'webhook-timestamp': '1614265330',
      'webhook-signature': vector.signature,
    });
  });

  it('are made by every key, so that a receiver with either one is content during a rotation', () => {
    const [old, young, other] = [generateWebhookSecret(), generateWebhookSecret(), generateWebhookSecret()];
    const pair = generateWebhookKeyPair();
    const headers = signWebhook(vector.message, [young, old, pair.privateKey]);
    expect(headers['webhook-signature'].split(' ').map((signature) => signature.split(',')[0])).toEqual([
      'v1',
      'v1',
      'v1a',
    ]);
    for (const key of [old, young, pair.publicKey]) expect(verifyMessage(headers, [key])).toBe('valid');
    expect(verifyMessage(headers, [other, generateWebhookKeyPair().publicKey])).toBe('no_match');
    expect(verifyMessage(signWebhook(vector.message, [young]), [old])).toBe('no_match');
  });

  it('of v1a are plain Ed25519 over id.timestamp.body', () => {
    const { privateKey, publicKey } = generateWebhookKeyPair();
    const [version, signature = ''] = signWebhook(vector.message, [privateKey])['webhook-signature'].split(',');
    const x = Buffer.from(publicKey.slice('whpk_'.length), 'base64').toString('base64url');
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
    const content = Buffer.from('msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}');
    expect(version).toBe('v1a');
    expect(verify(null, content, key, Buffer.from(signature, 'base64'))).toBe(true);
  });

  it.each(['v1', 'v1a'])('of %s survive no flipped bit, wherever it is', (version) => {
    const pair = generateWebhookKeyPair();
    const [signing, verifying] = version === 'v1' ? [vector.secret, vector.secret] : [pair.privateKey, pair.publicKey];
    const headers = signWebhook(vector.message, [signing]);
    expect(verifyMessage(headers, [verifying])).toBe('valid');
    const flips = (bytes: Uint8Array) =>
      Array.from({ length: bytes.length * 8 }, (_, bit) => {
        const flipped = Buffer.from(bytes);
        flipped[bit >> 3]! ^= 1 << (bit & 7);
        return flipped;
      });
    const accepted = [
      ...flips(vector.message.body).map((body) => verifyMessage(headers, [verifying], body)),
      ...(['webhook-id', 'webhook-timestamp', 'webhook-signature'] as const).flatMap((name) =>
        flips(Buffer.from(headers[name])).map((value) =>
          verifyMessage({ ...headers, [name]: value.toString('latin1') }, [verifying]),
        ),
      ),
    ].filter((outcome) => outcome === 'valid');
    expect(accepted).toEqual([]);
  });

  it('hold for 300 seconds either way', () => {
    const headers = signWebhook(vector.message, [vector.secret]);
    const at = (seconds: number) => verifyWebhook({ headers, body: vector.message.body }, [vector.secret], seconds);
    expect([-301, -300, 0, 300, 301].map((age) => at(nowSeconds + age))).toEqual([
      'too_new',
      'valid',
      'valid',
      'valid',
      'too_old',
    ]);
  });

  it('need all three headers, well-formed', () => {
    const headers = signWebhook(vector.message, [vector.secret]);
    for (const name of Object.keys(headers)) {
      const rest = Object.fromEntries(Object.entries(headers).filter(([other]) => other !== name));
      expect(verifyMessage(rest, [vector.secret])).toBe('missing_header');
    }
    expect(verifyMessage({ ...headers, 'webhook-timestamp': '1614265330.0' }, [vector.secret])).toBe('malformed');
    expect(verifyMessage({ ...headers, 'webhook-timestamp': '01614265330' }, [vector.secret])).toBe('malformed');
    expect(verifyMessage({ ...headers, 'webhook-id': 'msg.1' }, [vector.secret])).toBe('malformed');
    expect(verifyMessage({ ...headers, 'webhook-signature': '' }, [vector.secret])).toBe('no_match');
  });

  it('are refused for an id with a dot, a broken time, or no key', () => {
    const { message, secret } = vector;
    expect(() => signWebhook({ ...message, id: 'msg.1' }, [secret])).toThrow('not a webhook id');
    expect(() => signWebhook({ ...message, timestampSeconds: 1.5 }, [secret])).toThrow('timestamp');
    expect(() => signWebhook(message, [])).toThrow('at least one key');
  });
});

describe('webhook keys', () => {
  const base64 = (bytes: number) => Buffer.alloc(bytes, 7).toString('base64');

  it('are generated in a form that is read back', () => {
    const { privateKey, publicKey } = generateWebhookKeyPair();
    expect(parseSigningKey(generateWebhookSecret())).toMatchObject({ version: 'v1' });
    expect(parseSigningKey(privateKey)).toMatchObject({ version: 'v1a' });
    expect(parseVerifyingKey(publicKey)).toMatchObject({ version: 'v1a' });
    expect(Buffer.from(privateKey.slice(5), 'base64').subarray(32).toString('base64')).toBe(publicKey.slice(5));
  });
  it('may be a bare Ed25519 seed', () => {
    const { privateKey, publicKey } = generateWebhookKeyPair();
    const seed = `whsk_${Buffer.from(privateKey.slice(5), 'base64').subarray(0, 32).toString('base64')}`;
    expect(verifyMessage(signWebhook(vector.message, [seed]), [publicKey])).toBe('valid');
  });
  it.each([24, 64])('of HMAC may have %i bytes', (bytes) => {
    expect(parseSigningKey(`whsec_${base64(bytes)}`)).toMatchObject({ version: 'v1' });
  });
  it.each([
    ['a short secret', `whsec_${base64(23)}`],
    ['a long secret', `whsec_${base64(65)}`],
    ['a secret that is no base64', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa!!'],
    ['a secret without its prefix', 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
    ['a public key', generateWebhookKeyPair().publicKey],
    ['half a private key', `whsk_${base64(31)}`],
    ['a private key whose halves differ', `whsk_${base64(64)}`],
  ])('to sign with are not %s, and the refusal does not repeat it', (_, text) => {
    const refusal = (() => {
      try {
        parseSigningKey(text);
        return 'taken';
      } catch (error) {
        return String(error);
      }
    })();
    expect(refusal).toMatch(/key|secret/);
    expect(refusal).not.toContain(text.split('_').at(-1));
  });
  it('to verify with are not private ones', () => {
    expect(() => parseVerifyingKey(generateWebhookKeyPair().privateKey)).toThrow('expected whpk_');
    expect(() => parseVerifyingKey(`whpk_${base64(31)}`)).toThrow('not an Ed25519 public key');
  });
});

describe('webhook ids', () => {
  const id = 'det_0198f4f0000070008000000000000000';
  it('are derived from the subject, the event and the revision', () => {
    expect(webhookId(id, 'detection.completed', 2)).toBe(`msg_${id}_detection_completed_r2`);
    expect(
      signWebhook({ ...vector.message, id: webhookId(id, 'verdict.changed', 1) }, [vector.secret])['webhook-id'],
    ).toBe(`msg_${id}_verdict_changed_r1`);
  });
  it.each([
    ['det_x', 'detection.completed', 1],
    [id, 'detection', 1],
    [id, 'a.b.c', 1],
    [id, 'detection.completed', 0],
  ])('are not made of %s, %s, %i', (subject, event, revision) => {
    expect(() => webhookId(subject, event, revision)).toThrow(/subject and event|too_small/);
  });
});
