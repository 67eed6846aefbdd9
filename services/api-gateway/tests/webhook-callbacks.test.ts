import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { rename, symlink, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Detection } from '@touchstone/shared/contracts/detection';
import { Problem } from '@touchstone/shared/contracts/failure';
import { RequestRecord } from '@touchstone/shared/contracts/request-record';
import { newEndpointId, type EndpointRecord } from '@touchstone/shared/contracts/webhook';
import { readJson } from '@touchstone/shared/storage/json-object';
import { requestKey } from '@touchstone/shared/storage/keys';
import { openEndpointRecords } from '@touchstone/shared/webhooks/endpoint-records';
import { formOf, runGateway, type RunningGateway } from './running-gateway.ts';
import { jpegOf } from './tiny-images.ts';
import { endpointOf } from '../../../packages/shared/tests/endpoint-fixture.ts';

let gateway: RunningGateway;
beforeAll(async () => {
  gateway = await runGateway();
});
afterAll(() => gateway.close());

const addEndpoint = async (more: Partial<EndpointRecord> = {}, to = gateway) => {
  const record = endpointOf(more);
  await openEndpointRecords(to.store).create(record);
  return record.id;
};
const submit = (fields: Record<string, string>, to = gateway) =>
  to.post('/api/v1/detections', formOf(jpegOf(8, 8), fields));
const callbackOf = async (response: Response, of = gateway) => {
  expect(response.status).toBe(202);
  const { id } = Detection.parse(await response.json());
  return (await readJson(of.store, requestKey('default', id), RequestRecord))!.callback;
};
const problemOf = async (response: Response) => {
  const { code, status, errors } = Problem.parse(await response.json());
  return [status, code, ...(errors ?? []).map(({ pointer, detail }) => `${pointer} ${detail}`)];
};

describe('who hears of the verdict', () => {
  it('is nobody, unless somebody is named', async () => {
    expect(await callbackOf(await submit({}))).toBeUndefined();
  });

  it('is the address that came with the question, as the URL parser spells it', async () => {
    expect(await callbackOf(await submit({ webhook_url: 'HTTPS://Example.com:443/a b' }))).toEqual({
      kind: 'once',
      url: 'https://example.com/a%20b',
    });
  });

  it('is the endpoint that the question names', async () => {
    const endpoint = await addEndpoint();
    expect(await callbackOf(await submit({ webhook_endpoint_id: endpoint }))).toEqual({ kind: 'endpoint', endpoint });
  });

  it('can be named on POST /api/v1/detect too, where another one makes it another question', async () => {
    const post = (url: string) =>
      gateway.post('/api/v1/detect', formOf(jpegOf(31, 8), { webhook_url: url }), { prefer: 'respond-async' });
    const locations = await Promise.all(['https://a.example/', 'https://a.example/', 'https://b.example/'].map(post));
    const ids = locations.map((response) => response.headers.get('location'));
    expect([locations[0]!.status, ids[0]]).toEqual([202, ids[1]]);
    expect(ids[2]).not.toBe(ids[0]);
  });

  it.each([
    ['http://example.com/', 'must begin with https:'],
    ['https://example.com:22/', 'must use one of the ports 443, 8443'],
    ['https://user@example.com/', 'must not hold a user name or password'],
    ['https://127.0.0.1/', 'must be on the public internet'],
    ['https://0x7f.1/', 'must be on the public internet'],
  ])('cannot be %s', async (url, detail) => {
    const before = await gateway.leftovers();
    expect(await problemOf(await submit({ webhook_url: url }))).toEqual([
      422,
      'webhook_url_blocked',
      `/webhook_url ${detail}`,
    ]);
    expect(await gateway.leftovers()).toEqual(before);
  });

  it('cannot be an endpoint that is unknown, disabled, removed or of another tenant', async () => {
    const removed = await addEndpoint();
    await openEndpointRecords(gateway.store).change('default', removed, () => ({
      removed_at: new Date().toISOString(),
      secrets: [],
    }));
    const ids = [
      newEndpointId(Date.now()),
      await addEndpoint({ status: 'disabled', disabled_reason: 'gone' }),
      removed,
      await addEndpoint({ tenant: 'other' }),
    ];
    for (const id of ids) {
      expect(await problemOf(await submit({ webhook_endpoint_id: id }))).toEqual([
        422,
        'webhook_endpoint_unavailable',
        '/webhook_endpoint_id is not an endpoint that is there and enabled',
      ]);
    }
  });

  it('is one at most, and is named in the right form', async () => {
    const both = { webhook_url: 'https://example.com/', webhook_endpoint_id: newEndpointId(Date.now()) };
    expect(await problemOf(await submit(both))).toEqual([
      400,
      'malformed_request',
      '/webhook_url cannot go together with webhook_endpoint_id',
    ]);
    expect(await problemOf(await submit({ webhook_url: 'x', external_id: '\u0001' }))).toEqual([
      400,
      'malformed_request',
      '/external_id must be 1 to 200 characters, none of them a control character',
      '/webhook_url must be an absolute URL of at most 2048 characters',
    ]);
    expect(await problemOf(await submit({ webhook_endpoint_id: 'whe_1' }))).toEqual([
      400,
      'malformed_request',
      '/webhook_endpoint_id is not the id of a webhook endpoint',
    ]);
  });
});

describe('the default endpoint', () => {
  it('is the oldest of those that are marked and enabled', async () => {
    const fresh = await runGateway();
    const [younger, older, off] = [3, 2, 1].map((n) => newEndpointId(n * 1_000)) as [string, string, string];
    await addEndpoint({ id: younger, is_default: true }, fresh);
    await addEndpoint({ id: older, is_default: true }, fresh);
    await addEndpoint({ id: off, is_default: true, status: 'disabled', disabled_reason: 'by_request' }, fresh);
    await addEndpoint({ id: newEndpointId(0) }, fresh);
    expect(await callbackOf(await submit({}, fresh), fresh)).toEqual({ kind: 'endpoint', endpoint: older });
    // A change through this gateway counts at once.
    await fetch(`${fresh.url}/api/v1/webhook-endpoints/${older}`, { method: 'DELETE' });
    expect(await callbackOf(await submit({}, fresh), fresh)).toEqual({ kind: 'endpoint', endpoint: younger });
    await fresh.close();
  });

  it('makes no other question of one that comes again under its key after the default has changed', async () => {
    const fresh = await runGateway();
    const post = () => fresh.post('/api/v1/detections', formOf(jpegOf(8, 8)), { 'idempotency-key': 'one' });
    const first = await post();
    const endpoint = await addEndpoint({ is_default: true }, fresh);
    // A change through this gateway counts at once.
    await fetch(`${fresh.url}/api/v1/webhook-endpoints/${endpoint}`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: '{"description":"new"}',
    });
    expect(await callbackOf(await submit({}, fresh), fresh)).toEqual({ kind: 'endpoint', endpoint });
    const again = await post();
    expect([again.status, again.headers.get('idempotency-replay')]).toEqual([202, 'true']);
    expect(again.headers.get('location')).toBe(first.headers.get('location'));
    const other = await fresh.post('/api/v1/detections', formOf(jpegOf(8, 8), { webhook_endpoint_id: endpoint }), {
      'idempotency-key': 'one',
    });
    expect(other.status).toBe(422);
    await fresh.close();
  });

  it('is not left out because the store does not answer: the submission fails instead', async () => {
    const fresh = await runGateway();
    const place = join(fresh.dataDir, 'objects', 'endpoints');
    await addEndpoint({ is_default: true }, fresh);
    // A link to itself can be neither listed nor taken for empty.
    await rename(place, `${place}-gone`);
    await symlink(place, place);
    const response = await submit({}, fresh);
    const told = await problemOf(response);
    await unlink(place);
    await rename(`${place}-gone`, place);
    expect([told.slice(0, 2), response.headers.has('retry-after')]).toEqual([[503, 'store_unavailable'], true]);
    expect(await callbackOf(await submit({}, fresh), fresh)).toMatchObject({ kind: 'endpoint' });
    await fresh.close();
  });
});

it('is not for anonymous callers to choose', async () => {
  const open = await runGateway({ ANONYMOUS_DETECT: '1', DETECT_WAIT_MS: '1' });
  const post = (fields: Record<string, string>) =>
    open.post('/api/v1/detect', formOf(jpegOf(8, 8), fields), { 'x-forwarded-for': '192.0.2.1' });
  expect(await problemOf(await post({ webhook_url: 'https://example.com/' }))).toEqual([401, 'unauthenticated']);
  expect((await post({})).status).toBe(504);
  await open.close();
});
