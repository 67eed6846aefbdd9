import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createPublicKey, verify } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Problem } from '@touchstone/shared/contracts/failure';
import {
  WebhookEndpoint,
  WebhookEndpointList,
  WebhookEndpointWithSecret,
  WebhookTest,
} from '@touchstone/shared/contracts/webhook-endpoint';
import { verifyWebhook } from '@touchstone/shared/outbound/webhook-signature';
import type { PublicJwk } from '@touchstone/shared/secrets/service-signing-key';
import { endpointPrefix } from '@touchstone/shared/storage/keys';
import { openEndpointRecords } from '@touchstone/shared/webhooks/endpoint-records';
import { echo, openReceiver, type Receiver, type Received } from './receiver.ts';
import { runGateway, talk, type RunningGateway } from './running-gateway.ts';

const PATH = '/api/v1/webhook-endpoints';
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
let gateway: RunningGateway;
let receiver: Receiver;

beforeAll(async () => {
  [gateway, receiver] = await Promise.all([runGateway({ WEBHOOK_ALLOW_LOOPBACK: '1' }), openReceiver()]);
});
afterAll(() => Promise.all([gateway.close(), receiver.close()]));
beforeEach(() => {
  receiver.answerWith(echo);
  receiver.received.length = 0;
});

const ask = (method: string, path: string, body?: unknown) =>
  fetch(gateway.url + path, {
    method,
    ...(body === undefined
      ? {}
      : {
          headers: { 'content-type': 'application/json' },
          body: typeof body === 'string' ? body : JSON.stringify(body),
        }),
  });
const problemOf = async (response: Response) => {
  const { code, status, errors } = Problem.parse(await response.json());
  return [status, code, ...(errors ?? []).map(({ pointer, detail }) => `${pointer} ${detail}`)];
};
const create = async (more: object = {}) => {
  const response = await ask('POST', PATH, { url: receiver.url, ...more });
  expect(response.status).toBe(201);
  return WebhookEndpointWithSecret.parse(await response.json());
};
const stored = async () => (await gateway.store.list('endpoints/', null, 1_000)).length;
const isSignedBy = ({ headers, body }: Received, key: string) =>
  verifyWebhook({ headers: headers as Record<string, string>, body }, [key], Math.floor(Date.now() / 1_000));

describe('POST /api/v1/webhook-endpoints', () => {
  it('makes an endpoint once its receiver has echoed a signed challenge, and shows the secret this once', async () => {
    const response = await ask('POST', PATH, { url: receiver.url, description: 'mine', is_default: true });
    expect([response.status, response.headers.get('cache-control')]).toEqual([201, 'no-store']);
    const { secret, ...endpoint } = WebhookEndpointWithSecret.parse(await response.json());
    expect(endpoint).toMatchObject({
      url: receiver.url,
      description: 'mine',
      is_default: true,
      status: 'enabled',
      disabled_reason: null,
      failing_since: null,
    });
    expect(response.headers.get('location')).toBe(`${PATH}/${endpoint.id}`);
    const [challenge] = receiver.received;
    expect(challenge!.json).toMatchObject({ type: 'endpoint.verify', data: { id: endpoint.id } });
    expect(isSignedBy(challenge!, secret)).toBe('valid');

    const shown = await (await ask('GET', `${PATH}/${endpoint.id}`)).text();
    const list = await (await ask('GET', PATH)).text();
    expect(WebhookEndpoint.parse(JSON.parse(shown))).toEqual(endpoint);
    expect(WebhookEndpointList.parse(JSON.parse(list)).data).toContainEqual(endpoint);
    const [object] = await gateway.store.list(endpointPrefix('default', endpoint.id), null, 2);
    const record = Buffer.from((await gateway.store.read(object!.key))!).toString();
    for (const text of [shown, list, record]) expect(text).not.toContain(secret.slice(6));
  });

  it('signs the challenge with a secret that the owner brings, and with a key that anybody can look up', async () => {
    expect((await create({ secret: SECRET })).secret).toBe(SECRET);
    const [challenge] = receiver.received;
    expect(isSignedBy(challenge!, SECRET)).toBe('valid');

    const jwks = await gateway.get('/.well-known/jwks.json');
    expect(jwks.headers.get('cache-control')).toBe('public, max-age=300');
    const { keys } = (await jwks.json()) as { keys: PublicJwk[] };
    const { headers, body } = challenge!;
    const signature = /(?:^| )v1a,(\S+)/.exec(headers['webhook-signature'] as string)![1]!;
    const signed = Buffer.concat([
      Buffer.from(`${headers['webhook-id'] as string}.${headers['webhook-timestamp'] as string}.`),
      body,
    ]);
    const key = createPublicKey({ key: { ...keys[0]! }, format: 'jwk' });
    expect(verify(null, signed, key, Buffer.from(signature, 'base64'))).toBe(true);
    const tag = jwks.headers.get('etag')!;
    expect((await gateway.get('/.well-known/jwks.json', { 'if-none-match': tag })).status).toBe(304);
  });

  it.each<[string, string, (received: Received, response: Parameters<typeof echo>[1]) => void]>([
    ['an answer without the challenge', 'challenge_not_echoed', (_, response) => response.end('{}')],
    ['an answer that is no JSON', 'challenge_not_echoed', (_, response) => response.end('<html>')],
    ['another challenge', 'challenge_not_echoed', (_, response) => response.end('{"challenge":"x"}')],
    ['a 404', 'http_status_404', (_, response) => response.writeHead(404).end()],
    ['a redirect', 'http_status_307', (_, response) => response.writeHead(307, { location: '/other' }).end()],
    ['a 500, echo or not', 'http_5xx', ({ json }, response) => response.writeHead(500).end(JSON.stringify(json.data))],
    ['a reset', 'connect', (_, response) => response.destroy()],
  ])('refuses a receiver that gives %s, and stores nothing', async (_name, reason, answer) => {
    const before = await stored();
    receiver.answerWith(answer);
    const response = await ask('POST', PATH, { url: receiver.url });
    expect(await problemOf(response)).toEqual([422, 'webhook_verification_failed', `/url ${reason}`]);
    expect(await stored()).toBe(before);
    expect(receiver.received).toHaveLength(1);
  });

  it.each([
    ['https://user:pw@example.com/', 422, 'webhook_url_blocked', 'must not hold a user name or password'],
    ['ftp://example.com/', 422, 'webhook_url_blocked', 'must begin with https:'],
    ['http://10.0.0.1/', 422, 'webhook_url_blocked', 'must be on the public internet'],
    ['https://[::ffff:169.254.169.254]/', 422, 'webhook_url_blocked', 'must be on the public internet'],
    ['not a url', 400, 'malformed_request', 'must be an absolute URL'],
  ])('refuses %s without a call', async (url, ...expected) => {
    const [status, code, detail] = expected;
    expect(await problemOf(await ask('POST', PATH, { url }))).toEqual([status, code, `/url ${detail}`]);
  });

  it.each<[string, unknown, string[]]>([
    ['no URL', {}, ['/url Invalid input: expected string, received undefined']],
    ['a list', [], [' Invalid input: expected object, received array']],
    [
      'several faults at once',
      { url: 1, 'a/b': 1, is_default: 'yes', secret: 'whsec_AAAA' },
      [
        '/url Invalid input: expected string, received number',
        '/is_default Invalid input: expected boolean, received string',
        '/secret must be whsec_ and base64 of 24 to 64 bytes',
        '/a~1b is not a field of this request',
      ],
    ],
  ])('names the fields at fault of %s', async (_name, body, errors) => {
    expect(await problemOf(await ask('POST', PATH, body))).toEqual([400, 'malformed_request', ...errors]);
  });

  it('takes JSON alone, in UTF-8, of at most 64 KB', async () => {
    const status = async (init: RequestInit) => (await fetch(gateway.url + PATH, { method: 'POST', ...init })).status;
    const json = { 'content-type': 'application/json' };
    expect(await status({ headers: json, body: '{"url":' })).toBe(400);
    expect(await status({ headers: json, body: Buffer.from([0x22, 0xff, 0x22]) })).toBe(400);
    expect(await status({ headers: { 'content-type': 'text/plain' }, body: '{}' })).toBe(415);
    expect(await status({ headers: { ...json, 'content-encoding': 'gzip' }, body: '{}' })).toBe(415);
    expect(await status({ headers: json, body: JSON.stringify({ url: 'x'.repeat(65_536) }) })).toBe(413);
    const chunk = `4000\r\n${'x'.repeat(0x4000)}\r\n`;
    const head = `POST ${PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`;
    const told = await talk(gateway.url, [head, chunk, chunk, chunk, chunk, chunk], (text) =>
      text.includes('\r\n\r\n'),
    );
    expect(told).toMatch(/^HTTP\/1\.1 413 /);
  });

  it('gives a tenant at most 20, also when more are made at once', async () => {
    const tenant = await gatewayOf({ WEBHOOK_ALLOW_LOOPBACK: '1' });
    const made = Array.from({ length: 24 }, async () => {
      const headers = { 'content-type': 'application/json' };
      const body = JSON.stringify({ url: receiver.url });
      return (await fetch(tenant.url + PATH, { method: 'POST', headers, body })).status;
    });
    const statuses = await Promise.all(made);
    expect(statuses.filter((status) => status !== 201 && status !== 409)).toEqual([]);
    const left = await openEndpointRecords(tenant.store).list('default');
    expect(left).toHaveLength(statuses.filter((status) => status === 201).length);
    expect(left.length).toBeLessThanOrEqual(20);
    await tenant.close();
  });

  it('calls neither loopback nor odd ports nor http unless the operator says so', async () => {
    const strict = await gatewayOf({});
    const headers = { 'content-type': 'application/json' };
    for (const url of [
      receiver.url,
      receiver.url.replace('http:', 'https:'),
      'https://127.0.0.1/',
      'https://localhost/',
    ]) {
      const response = await fetch(strict.url + PATH, { method: 'POST', headers, body: JSON.stringify({ url }) });
      expect((await problemOf(response)).slice(0, 2)).toEqual([422, 'webhook_url_blocked']);
    }
    expect(receiver.received).toEqual([]);
    await strict.close();
  });
});

describe('PATCH /api/v1/webhook-endpoints/{id}', () => {
  const change = (id: string, body: object) => ask('PATCH', `${PATH}/${id}`, body);

  it('changes what is given and leaves the rest', async () => {
    const { id, secret: _, ...before } = await create({ description: 'old' });
    const changed = await change(id, { description: 'new', is_default: true, status: 'disabled' });
    const expected = {
      ...before,
      id,
      description: 'new',
      is_default: true,
      status: 'disabled',
      disabled_reason: 'by_request',
    };
    const shown = WebhookEndpoint.parse(await changed.json());
    expect(shown).toEqual({ ...expected, updated_at: shown.updated_at });
    expect(receiver.received).toHaveLength(1);
    expect(WebhookEndpoint.parse(await (await change(id, { status: 'enabled' })).json())).toMatchObject({
      status: 'enabled',
      disabled_reason: null,
      description: 'new',
    });
    expect(await problemOf(await change(id, { status: 'on', id: 'x' }))).toEqual([
      400,
      'malformed_request',
      '/status Invalid option: expected one of "enabled"|"disabled"',
      '/id is not a field of this request',
    ]);
  });

  it('switches an endpoint on afresh that had been switched off for its failures', async () => {
    const { id } = await create();
    await openEndpointRecords(gateway.store).change('default', id, () => ({
      status: 'disabled',
      disabled_reason: 'failing',
      failing_since: '2026-01-01T00:00:00.000Z',
    }));
    expect(WebhookEndpoint.parse(await (await ask('GET', `${PATH}/${id}`)).json())).toMatchObject({
      disabled_reason: 'failing',
      failing_since: '2026-01-01T00:00:00.000Z',
    });
    expect(WebhookEndpoint.parse(await (await change(id, { status: 'enabled' })).json())).toMatchObject({
      status: 'enabled',
      disabled_reason: null,
      failing_since: null,
    });
  });

  it('asks a new address for its echo, signed with the secret that the owner has, before it counts', async () => {
    const { id, secret } = await create();
    receiver.received.length = 0;
    receiver.answerWith((_, response) => response.end('no'));
    const other = receiver.url.replace('/hook', '/other');
    expect(await problemOf(await change(id, { url: other }))).toEqual([
      422,
      'webhook_verification_failed',
      '/url challenge_not_echoed',
    ]);
    expect(isSignedBy(receiver.received[0]!, secret)).toBe('valid');
    receiver.answerWith(echo);
    expect(WebhookEndpoint.parse(await (await change(id, { url: other })).json()).url).toBe(other);
  });

  it('loses none of 10 changes at once', async () => {
    const { id } = await create();
    const patches = Array.from({ length: 10 }, (_, i) =>
      change(id, i % 2 === 0 ? { description: 'all' } : { is_default: true }),
    );
    expect((await Promise.all(patches)).map(({ status }) => status)).toEqual(Array(10).fill(200));
    const latest = await openEndpointRecords(gateway.store).read('default', id);
    expect(latest).toMatchObject({ description: 'all', is_default: true });
  });
});

describe('POST /api/v1/webhook-endpoints/{id}/rotate-secret', () => {
  it('signs with both secrets for a day, and shows the new one this once', async () => {
    const { id, secret: old } = await create();
    const rotated = WebhookEndpointWithSecret.parse(await (await ask('POST', `${PATH}/${id}/rotate-secret`)).json());
    expect(rotated.secret).not.toBe(old);
    expect(rotated.secrets).toHaveLength(2);
    const leftMs = Date.parse(rotated.secrets[1]!.expires_at!) - Date.now();
    expect([rotated.secrets[0]!.expires_at, Math.round(leftMs / 3_600_000)]).toEqual([null, 24]);
    receiver.received.length = 0;
    await ask('POST', `${PATH}/${id}/test`);
    expect([old, rotated.secret].map((key) => isSignedBy(receiver.received[0]!, key))).toEqual(['valid', 'valid']);
  });

  it('takes a secret that the owner brings', async () => {
    const { id } = await create();
    const response = await ask('POST', `${PATH}/${id}/rotate-secret`, { secret: SECRET });
    expect(WebhookEndpointWithSecret.parse(await response.json()).secret).toBe(SECRET);
  });
});

describe('POST /api/v1/webhook-endpoints/{id}/test', () => {
  const test = async (id: string) => WebhookTest.parse(await (await ask('POST', `${PATH}/${id}/test`)).json());

  it('sends a signed message now, under an id of its own each time, and tells what came of it', async () => {
    const { id, secret } = await create();
    receiver.answerWith((_, response) => response.writeHead(202).end('thanks'));
    const outcomes = [await test(id), await test(id)];
    expect(outcomes[0]).toMatchObject({
      delivered: true,
      http_status: 202,
      error_class: null,
      response_start: 'thanks',
    });
    const [message] = receiver.received.slice(1);
    expect(message!.json).toMatchObject({ type: 'endpoint.test', data: { id } });
    expect(isSignedBy(message!, secret)).toBe('valid');
    expect(message!.headers['webhook-id']).toBe(outcomes[0]!.webhook_id);
    expect(outcomes[1]!.webhook_id).not.toBe(outcomes[0]!.webhook_id);
  });

  it('tells of failures as well', async () => {
    const { id } = await create();
    receiver.answerWith((_, response) => response.writeHead(503).end('busy'));
    expect(await test(id)).toMatchObject({ delivered: false, http_status: 503, error_class: 'http_5xx' });
    receiver.answerWith((_, response) => response.destroy());
    expect(await test(id)).toMatchObject({ delivered: false, http_status: null, error_class: 'connect' });
  });
});

describe('DELETE /api/v1/webhook-endpoints/{id}', () => {
  it('removes it with its secrets: from then on it is unknown', async () => {
    const { id } = await create();
    expect((await ask('DELETE', `${PATH}/${id}`)).status).toBe(204);
    for (const [method, path] of [
      ['GET', ''],
      ['DELETE', ''],
      ['PATCH', ''],
      ['POST', '/test'],
      ['POST', '/rotate-secret'],
      ['GET', '/deliveries'],
    ]) {
      expect((await ask(method!, `${PATH}/${id}${path}`, method === 'GET' ? undefined : {})).status).toBe(404);
    }
    const list = WebhookEndpointList.parse(await (await ask('GET', PATH)).json());
    expect(list.data.map((endpoint) => endpoint.id)).not.toContain(id);
    const versions = await gateway.store.list(endpointPrefix('default', id), null, 10);
    const last = Buffer.from((await gateway.store.read(versions.at(-1)!.key))!).toString();
    expect(last).not.toContain('sealed');
  });
});

describe('the secret key', () => {
  it('is made once, for its owner alone, and endpoints outlive a restart and a change of keys', async () => {
    const text = (await readFile(join(gateway.dataDir, 'secret-key'), 'utf8')).trim();
    const fresh = Buffer.alloc(32, 7).toString('base64');
    const { id, secret } = await create();
    const settings = { WEBHOOK_ALLOW_LOOPBACK: '1', DATA_DIR: gateway.dataDir, SECRET_KEY: `${fresh},${text}` };
    const later = await gatewayOf(settings);
    receiver.received.length = 0;
    expect((await fetch(`${later.url}${PATH}/${id}/test`, { method: 'POST' })).status).toBe(200);
    expect(isSignedBy(receiver.received[0]!, secret)).toBe('valid');
    const { keys } = (await (await later.get('/.well-known/jwks.json')).json()) as { keys: { kid: string }[] };
    expect(new Set(keys.map(({ kid }) => kid)).size).toBe(2);
    await later.close();
  });
});

const gatewayOf = (settings: NodeJS.ProcessEnv) => runGateway(settings);
