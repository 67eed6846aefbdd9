import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createPublicKey, randomBytes, verify } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook as StandardWebhook } from 'standardwebhooks';
import { Webhook as SvixWebhook } from 'svix';
import type { VerdictRecord } from '../src/contracts/verdict-record.ts';
import { openGuardedDispatcher, type GuardedDispatcher } from '../src/outbound/guarded-dispatcher.ts';
import { guardedPost } from '../src/outbound/guarded-request.ts';
import { generateWebhookSecret } from '../src/outbound/webhook-keys.ts';
import { signWebhook } from '../src/outbound/webhook-signature.ts';
import { deriveServiceSigningKeys } from '../src/secrets/service-signing-key.ts';
import { messageOf } from '../src/webhooks/detection-message.ts';

const verdict: VerdictRecord = {
  v: 1,
  id: 'det_0198f4f0000070008000000000000000',
  tenant: 'default',
  revision: 1,
  status: 'completed',
  verdict: 'inconclusive',
  probability: 0.5,
  calibrated: false,
  calibration: null,
  operating_point: null,
  reasons: ['within_default_band'],
  degraded: [],
  summary: 'Zwölf Köpfe, 顔, \u{1f642}: no verdict.',
  detectors: [],
  image: null,
  completed_at: '2026-11-25T10:00:01.000Z',
};

describe('a message of a verdict that went over the wire', () => {
  const [young, old] = [generateWebhookSecret(), generateWebhookSecret()];
  const [serviceKey] = deriveServiceSigningKeys([randomBytes(32)]);
  const message = messageOf(verdict, 'Bestellung 7 ✓');
  let server: Server;
  let outbound: GuardedDispatcher;
  let got: { headers: Record<string, string>; body: Buffer };

  beforeAll(async () => {
    server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        got = { headers: request.headers as Record<string, string>, body: Buffer.concat(chunks) };
        response.writeHead(204).end();
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    outbound = openGuardedDispatcher({ allowHttp: true, allowLoopback: true, allowedPorts: 'any' });
    const signed = { id: message.webhookId, timestampSeconds: Math.floor(Date.now() / 1_000), body: message.body };
    const outcome = await guardedPost(outbound, `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, {
      body: message.body,
      headers: { 'content-type': 'application/json', ...signWebhook(signed, [young, old, serviceKey!.privateKey]) },
    });
    if (outcome.status !== 204) throw new Error(`the receiver answered ${outcome.status ?? outcome.failure}`);
  });
  afterAll(async () => {
    await outbound.close();
    server.close();
    await once(server, 'close');
  });

  it.each([
    ['standardwebhooks', StandardWebhook],
    ['svix', SvixWebhook],
  ])('is accepted by %s with either secret of a rotation, and by no other', (_, Webhook) => {
    const receive = (secret: string) => new Webhook(secret).verify(got.body, got.headers);
    for (const secret of [young, old]) expect(() => receive(secret)).not.toThrow();
    expect(() => receive(generateWebhookSecret())).toThrow(/no matching signature/i);
  });

  it('is accepted by whoever checks v1a with the published key and nothing of ours', () => {
    const key = createPublicKey({ key: serviceKey!.jwk, format: 'jwk' });
    const signature = got.headers['webhook-signature']!.split(' ').find((one) => one.startsWith('v1a,'))!;
    const content = `${got.headers['webhook-id']}.${got.headers['webhook-timestamp']}.${got.body.toString('utf8')}`;
    const accepts = (text: string) =>
      verify(null, Buffer.from(text), key, Buffer.from(signature.slice('v1a,'.length), 'base64'));
    expect(accepts(content)).toBe(true);
    expect(accepts(content.replace('inconclusive', 'authentic'))).toBe(false);
  });
});
