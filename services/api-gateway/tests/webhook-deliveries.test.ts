import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newDetectionId, type DetectionId } from '@touchstone/shared/contracts/detection-id';
import { Problem } from '@touchstone/shared/contracts/failure';
import { RequestRecord } from '@touchstone/shared/contracts/request-record';
import { VerdictRecord } from '@touchstone/shared/contracts/verdict-record';
import { DeliveryRecord, newEndpointId, type EndpointId } from '@touchstone/shared/contracts/webhook';
import { ReplayAnswer, WebhookDeliveryPage } from '@touchstone/shared/contracts/webhook-endpoint';
import type { DeliveryPayload } from '@touchstone/shared/queue/catalog';
import { openJobWorker, type JobWorker } from '@touchstone/shared/queue/job-worker';
import { createJson } from '@touchstone/shared/storage/json-object';
import { deliveryKey, erasedKey, indexKey, requestKey, verdictKey } from '@touchstone/shared/storage/keys';
import { openEndpointRecords } from '@touchstone/shared/webhooks/endpoint-records';
import { runGateway, until, type RunningGateway } from './running-gateway.ts';
import { endpointOf } from '../../../packages/shared/tests/endpoint-fixture.ts';
import { requestOf, verdictOf } from './verdict-fixtures.ts';

const PATH = '/api/v1/webhook-endpoints';
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
let gateway: RunningGateway;
let worker: JobWorker;
const sent: DeliveryPayload[] = [];

beforeAll(async () => {
  gateway = await runGateway();
  const ignore = () => undefined;
  const events = { onFailed: ignore, onStalled: ignore, onError: ignore };
  const options = { connection: gateway.redis, prefix: gateway.prefix, concurrency: 1, events };
  worker = openJobWorker('deliver-webhook', options, (payload) => {
    sent.push(payload);
    return Promise.resolve({});
  });
  worker.start();
});
afterAll(async () => {
  await worker.close();
  await gateway.close();
});

const addEndpoint = async (more: Parameters<typeof endpointOf>[0] = {}) => {
  const record = endpointOf(more);
  await openEndpointRecords(gateway.store).create(record);
  return record.id;
};
/** A detection as gateway and aggregator leave it. */
async function addDetection(
  acceptedMs: number,
  { endpoint, isDecided = true }: { endpoint?: EndpointId; isDecided?: boolean } = {},
): Promise<DetectionId> {
  const id = newDetectionId(acceptedMs);
  const tenant = 'default';
  const callback = endpoint === undefined ? undefined : { kind: 'endpoint' as const, endpoint };
  await createJson(gateway.store, requestKey(tenant, id), RequestRecord, requestOf({ id, callback }));
  await gateway.store.create(indexKey(tenant, id, acceptedMs), new Uint8Array());
  if (isDecided) {
    await createJson(gateway.store, verdictKey({ tenant, id, revision: 1 }), VerdictRecord, verdictOf({ id }));
  }
  return id;
}
async function addDelivery(receiver: EndpointId, id: DetectionId, attempt: number, more: Partial<DeliveryRecord> = {}) {
  const ref = { tenant: 'default', id, revision: 1 };
  await createJson(gateway.store, deliveryKey(receiver, ref, attempt), DeliveryRecord, {
    v: 1,
    ...ref,
    receiver,
    attempt,
    webhook_id: `msg_${id}_detection_completed_r1`,
    event: 'detection.completed',
    at: '2026-11-25T10:00:00.000Z',
    cause: 'verdict',
    outcome: 'delivered',
    status: 200,
    error_class: null,
    latency_ms: 12,
    response_start: 'ok',
    next_attempt_at: null,
    ...more,
  });
}
/** Each look goes to Redis and back, which lets the worker work. */
const hasSent = (count: number) => until(async () => (await gateway.redis.ping()) === 'PONG' && sent.length >= count);
const post = (path: string, body?: object) =>
  fetch(gateway.url + path, {
    method: 'POST',
    ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
const problemOf = async (response: Response) => {
  const { code, status, errors } = Problem.parse(await response.json());
  return [status, code, ...(errors ?? []).map(({ pointer, detail }) => `${pointer} ${detail}`)];
};

describe('GET /api/v1/webhook-endpoints/{id}/deliveries', () => {
  let endpoint: EndpointId;
  let ids: DetectionId[];
  const page = async (query = '') => {
    const response = await gateway.get(`${PATH}/${endpoint}/deliveries${query}`);
    expect(response.status).toBe(200);
    return { ...WebhookDeliveryPage.parse(await response.json()), link: response.headers.get('link') };
  };
  const shown = ({ data }: { data: { detection_id: string; attempt: number }[] }) =>
    data.map(({ detection_id, attempt }) => [ids.indexOf(detection_id), attempt]);

  beforeAll(async () => {
    endpoint = await addEndpoint();
    ids = [1, 2, 3].map((n) => newDetectionId(Date.UTC(2026, 10, n)));
    await addDelivery(endpoint, ids[1]!, 1, { outcome: 'retrying', status: null, error_class: 'timeout' });
    await addDelivery(endpoint, ids[1]!, 2);
    await addDelivery(endpoint, ids[2]!, 1, { outcome: 'exhausted', status: 500, error_class: 'http_5xx' });
    await addDelivery(endpoint, ids[0]!, 1);
    await addDelivery(newEndpointId(Date.now()), ids[0]!, 1);
  });

  it('shows its attempts by detection, oldest first, and none of another endpoint', async () => {
    const all = await page();
    expect(shown(all)).toEqual([
      [0, 1],
      [1, 1],
      [1, 2],
      [2, 1],
    ]);
    expect([all.next_cursor, all.link]).toEqual([null, null]);
    expect(all.data[1]).toMatchObject({
      status: 'retrying',
      http_status: null,
      error_class: 'timeout',
      cause: 'verdict',
      response_start: 'ok',
    });
  });

  it('comes in pages, which the Link leads through', async () => {
    const seen: unknown[] = [];
    let path: string | undefined = `${PATH}/${endpoint}/deliveries?limit=2`;
    for (let pages = 0; path !== undefined && pages < 5; pages++) {
      const response = await gateway.get(path);
      seen.push(shown(WebhookDeliveryPage.parse(await response.json())));
      path = /^<(.+)>; rel="next"$/.exec(response.headers.get('link') ?? '')?.[1];
    }
    expect(seen).toEqual([
      [
        [0, 1],
        [1, 1],
      ],
      [
        [1, 2],
        [2, 1],
      ],
    ]);
  });

  it('can be narrowed to an outcome, and begin at a time', async () => {
    expect(shown(await page('?status=exhausted'))).toEqual([[2, 1]]);
    expect(shown(await page('?status=delivered&limit=1'))).toEqual([[0, 1]]);
    const next = (await page('?status=delivered&limit=1')).next_cursor;
    expect(shown(await page(`?status=delivered&limit=1&cursor=${next}`))).toEqual([[1, 2]]);
    expect(shown(await page('?since=2026-11-02T00:00:00Z'))).toEqual([
      [1, 1],
      [1, 2],
      [2, 1],
    ]);
  });

  it.each([
    ['?limit=0', '/limit must be a number from 1 to 100'],
    ['?cursor=abc', '/cursor is not a cursor of this list'],
    ['?status=lost', '/status must be one of delivered, retrying, exhausted, gone, disabled'],
    ['?since=yesterday', '/since must be an RFC 3339 time'],
    ['?order=desc', '/order is not supported here'],
  ])('refuses %s', async (query, error) => {
    const response = await gateway.get(`${PATH}/${endpoint}/deliveries${query}`);
    expect(await problemOf(response)).toEqual([400, 'malformed_request', error]);
  });
});

describe('POST .../deliveries/{detection}/redeliver', () => {
  const redeliver = (endpoint: string, id: string) => post(`${PATH}/${endpoint}/deliveries/${id}/redeliver`);

  it('enqueues one more message to this endpoint, whoever was told before', async () => {
    const [endpoint, id] = [await addEndpoint(), await addDetection(Date.now())];
    sent.length = 0;
    const response = await redeliver(endpoint, id);
    expect([response.status, await response.json()]).toEqual([202, { enqueued: 1, next_cursor: null }]);
    await hasSent(1);
    expect(sent).toEqual([{ tenant: 'default', id, revision: 1, receiver: endpoint, cause: 'redelivery' }]);
    // Again, as soon as the one before is done.
    await until(async () => (await redeliver(endpoint, id)).status === 202 && sent.length >= 2);
  });

  it('does not tell of what is unknown, erased or undecided, nor to an endpoint that is switched off', async () => {
    const endpoint = await addEndpoint();
    const off = await addEndpoint({ status: 'disabled', disabled_reason: 'gone' });
    const id = await addDetection(Date.now());
    const erased = await addDetection(Date.now());
    await gateway.store.create(erasedKey('default', erased), new Uint8Array());
    const open = await addDetection(Date.now(), { isDecided: false });
    const asked = [
      [endpoint, newDetectionId(Date.now())],
      [endpoint, erased],
      [endpoint, 'det_1'],
      [newEndpointId(Date.now()), id],
      [endpoint, open],
      [off, id],
    ] as const;
    const told = await Promise.all(asked.map(async (each) => problemOf(await redeliver(each[0], each[1]))));
    expect(told.map(([status]) => status)).toEqual([404, 404, 404, 404, 409, 409]);
  });
});

describe('POST .../replay', () => {
  const replay = (endpoint: string, body: object) => post(`${PATH}/${endpoint}/replay`, body);
  const at = (ms: number) => new Date(ms).toISOString();

  it('enqueues what was for this endpoint in the window and has a verdict, and nothing else', async () => {
    const [endpoint, other] = [await addEndpoint(), await addEndpoint()];
    const now = Date.now();
    const [from, to] = [now - 10 * HOUR_MS, now - 5 * HOUR_MS];
    const wanted = await Promise.all([from, now - 7 * HOUR_MS, to].map((ms) => addDetection(ms, { endpoint })));
    await addDetection(from - 1, { endpoint });
    await addDetection(to + 1, { endpoint });
    await addDetection(now - 6 * HOUR_MS, { endpoint: other });
    await addDetection(now - 6 * HOUR_MS);
    await addDetection(now - 6 * HOUR_MS, { endpoint, isDecided: false });
    sent.length = 0;
    const response = await replay(endpoint, { since: at(from), until: at(to) });
    expect([response.status, await response.json()]).toEqual([202, { enqueued: 3, next_cursor: null }]);
    await hasSent(3);
    expect(sent.map(({ id }) => id).toSorted()).toEqual(wanted.toSorted());
    for (const { receiver, cause } of sent) expect([receiver, cause]).toEqual([endpoint, 'replay']);
  });

  it('does a bounded part of a long window, and goes on from its cursor', async () => {
    const endpoint = await addEndpoint();
    const startMs = Date.now() - 20 * DAY_MS;
    const ids = await Promise.all(
      Array.from({ length: 520 }, (_, i) => addDetection(startMs + i * 1_000, i % 10 === 0 ? { endpoint } : {})),
    );
    sent.length = 0;
    const window = { since: at(startMs), until: at(startMs + 520_000) };
    const first = ReplayAnswer.parse(await (await replay(endpoint, window)).json());
    expect(first.next_cursor).not.toBeNull();
    const rest = ReplayAnswer.parse(await (await replay(endpoint, { ...window, cursor: first.next_cursor })).json());
    expect([first.enqueued + rest.enqueued, rest.next_cursor]).toEqual([52, null]);
    await hasSent(52);
    expect(sent.map(({ id }) => id).toSorted()).toEqual(ids.filter((_, i) => i % 10 === 0).toSorted());
  });

  it('reaches back 30 days', async () => {
    const endpoint = await addEndpoint();
    expect((await replay(endpoint, { since: at(Date.now() - 29 * DAY_MS) })).status).toBe(202);
    expect(await problemOf(await replay(endpoint, { since: at(Date.now() - 31 * DAY_MS) }))).toEqual([
      400,
      'malformed_request',
      '/since must lie within the last 30 days',
    ]);
    const backwards = { since: at(Date.now() - DAY_MS), until: at(Date.now() - 2 * DAY_MS) };
    expect((await problemOf(await replay(endpoint, backwards)))[2]).toBe('/until must not be before `since`');
    expect((await replay(endpoint, {})).status).toBe(400);
    expect((await replay(endpoint, { since: at(Date.now()), cursor: 'x' })).status).toBe(400);
  });
});

describe('while Redis is down', () => {
  it('what a person asks for is refused rather than forgotten, and the rest goes on', async () => {
    const down = await runGateway({ REDIS_URL: 'redis://127.0.0.1:1' });
    const endpoint = endpointOf();
    await openEndpointRecords(down.store).create(endpoint);
    const id = newDetectionId(Date.now());
    const callback = { kind: 'endpoint' as const, endpoint: endpoint.id };
    await createJson(down.store, requestKey('default', id), RequestRecord, requestOf({ id, callback }));
    await down.store.create(indexKey('default', id, Date.now()), new Uint8Array());
    await createJson(down.store, verdictKey({ tenant: 'default', id, revision: 1 }), VerdictRecord, verdictOf({ id }));
    const ask = (path: string, body: object) =>
      fetch(`${down.url}${PATH}/${endpoint.id}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    const answers = [
      await ask(`/deliveries/${id}/redeliver`, {}),
      await ask('/replay', { since: new Date(Date.now() - HOUR_MS).toISOString() }),
    ];
    for (const response of answers) {
      expect(response.headers.has('retry-after')).toBe(true);
      expect(await problemOf(response)).toEqual([503, 'queue_unavailable']);
    }
    expect((await down.get(`${PATH}/${endpoint.id}/deliveries`)).status).toBe(200);
    expect((await down.get(PATH)).status).toBe(200);
    await down.close();
  });
});
