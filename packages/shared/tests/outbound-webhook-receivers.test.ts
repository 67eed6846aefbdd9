import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Webhook as StandardWebhook } from 'standardwebhooks';
import { Webhook as SvixWebhook } from 'svix';
import { generateWebhookSecret } from '../src/outbound/webhook-keys.ts';
import { signWebhook, verifyWebhook, type WebhookHeaders } from '../src/outbound/webhook-signature.ts';

/** 1,000 JSON payloads of 0 to 20 KB with any Unicode; receivers parse them, so each is valid JSON. */
const payloads = fc
  .sample(fc.tuple(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }), fc.nat()), {
    seed: 20_261_125,
    numRuns: 1_000,
  })
  .map(([text, spot], i) => {
    // Squared, so that most are small: the receivers hash in plain JavaScript.
    const bytes = 19_500 * (i / 999) ** 2;
    const repeated = text.repeat(Math.floor(bytes / Buffer.byteLength(JSON.stringify(text))));
    return { body: Buffer.from(JSON.stringify({ type: 'test', data: repeated })), spot };
  });

const secret = generateWebhookSecret();
const receivers = {
  standardwebhooks: (body: Buffer, headers: WebhookHeaders) => new StandardWebhook(secret).verify(body, headers),
  svix: (body: Buffer, headers: WebhookHeaders) => new SvixWebhook(secret).verify(body, headers),
  'our own': (body: Buffer, headers: WebhookHeaders) => {
    const outcome = verifyWebhook({ headers, body }, [secret], Math.floor(Date.now() / 1_000));
    if (outcome !== 'valid') throw new Error(outcome);
  },
};

describe.each(Object.entries(receivers))('a receiver that uses %s', (_, receive) => {
  const accepts = (body: Buffer, headers: WebhookHeaders) => {
    try {
      receive(body, headers);
      return true;
    } catch {
      return false;
    }
  };
  const signed = payloads.map(({ body, spot }, i) => {
    const message = { id: `msg_${i}`, timestampSeconds: Math.floor(Date.now() / 1_000), body };
    return { body, spot, headers: signWebhook(message, [generateWebhookSecret(), secret]) };
  });

  it('accepts 1,000 of 1,000 payloads, signed with an older secret as well', () => {
    expect(signed.filter(({ body, headers }) => !accepts(body, headers))).toEqual([]);
  });
  it('accepts 0 of 1,000 with one bit flipped', () => {
    const flipped = signed.map(({ body, spot, headers }) => {
      const copy = Buffer.from(body);
      copy[spot % copy.length]! ^= 1 << (spot % 8);
      return { body: copy, headers };
    });
    expect(flipped.filter(({ body, headers }) => accepts(body, headers))).toEqual([]);
  });
});
