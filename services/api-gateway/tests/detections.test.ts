import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { Detection, DetectionPage } from '@touchstone/shared/contracts/detection';
import { newDetectionId } from '@touchstone/shared/contracts/detection-id';
import { RequestRecord } from '@touchstone/shared/contracts/request-record';
import { VerdictRecord } from '@touchstone/shared/contracts/verdict-record';
import { openDetectionJobs } from '@touchstone/shared/queue/detection-jobs';
import { createJson, readJson } from '@touchstone/shared/storage/json-object';
import { indexPrefix, pendingKey, requestKey, uploadKey, verdictKey } from '@touchstone/shared/storage/keys';
import { formOf, runGateway, type RunningGateway } from './running-gateway.ts';
import { jpegOf, losslessFrame, pngOf, textBombs, webpOf } from './tiny-images.ts';
import { verdictOf } from './verdict-fixtures.ts';

describe('POST /api/v1/detections', () => {
  let gateway: RunningGateway;
  beforeAll(async () => {
    gateway = await runGateway();
  });
  afterAll(() => gateway.close());

  it('answers 202 with where to look and when, once everything is stored and enqueued', async () => {
    const image = jpegOf(20, 30);
    const response = await gateway.post('/api/v1/detections', formOf(image, { external_id: 'mine-1' }));
    expect(response.status).toBe(202);
    const detection = Detection.parse(await response.json());
    const { id } = detection;
    expect(detection).toMatchObject({ status: 'queued', done: false, external_id: 'mine-1', verdict: null });
    expect(detection.image).toMatchObject({ media_type: 'image/jpeg', bytes: image.length, width: 20, height: 30 });
    expect(response.headers.get('location')).toBe(`/api/v1/detections/${id}`);
    expect(response.headers.get('retry-after')).toBe('1');
    expect(response.headers.get('x-request-id')).toMatch(/^req_/);

    const { store } = gateway;
    expect(await store.read(uploadKey('default', id))).toEqual(image);
    expect(await readJson(store, requestKey('default', id), RequestRecord)).toMatchObject({
      image: { sha256: createHash('sha256').update(image).digest('hex') },
      slots: ['sbi', 'distildire'],
      priority: 10,
    });
    expect(await store.list(indexPrefix('default'), null, 2)).toHaveLength(1);
    expect(await store.head(pendingKey({ tenant: 'default', id, revision: 1 }))).not.toBeNull();
    const jobs = openDetectionJobs(gateway.redis, gateway.prefix, () => undefined);
    expect(await jobs.flowStates([{ id, revision: 1 }])).toEqual(['underway']);
    await jobs.close();
  });

  it.each([
    ['PNG', pngOf(30, 20)],
    ['WebP', webpOf(losslessFrame(30, 20))],
    ['PNG with 790 MB of text', pngOf(64, 64, { chunks: textBombs(100, 7_900_000) })],
  ])('accepts a %s', async (_name, image) => {
    const startedMs = performance.now();
    expect(await gateway.submit(image)).toMatchObject({ status: 'queued' });
    expect(performance.now() - startedMs).toBeLessThan(1_000);
  });

  it('records a declared type that differs, and goes by the bytes', async () => {
    const form = new FormData();
    form.append('image', new Blob([new Uint8Array(pngOf(8, 8))], { type: 'image/jpeg' }), 'x.gif');
    const response = await gateway.post('/api/v1/detections', form);
    expect(Detection.parse(await response.json()).image).toMatchObject({
      media_type: 'image/png',
      declared_media_type: 'image/jpeg',
    });
  });

  it('makes no evidence of a part that declares no type', async () => {
    const head = '--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n';
    const response = await fetch(`${gateway.url}/api/v1/detections`, {
      method: 'POST',
      headers: { 'content-type': 'multipart/form-data; boundary=x' },
      body: Buffer.concat([Buffer.from(head), pngOf(8, 8), Buffer.from('\r\n--x--\r\n')]),
    });
    expect(Detection.parse(await response.json()).image).toMatchObject({ declared_media_type: null });
  });

  it('enqueues for the detectors that are asked for and deployed', async () => {
    const response = await gateway.post('/api/v1/detections', formOf(jpegOf(9, 9), { detectors: 'distildire,llm' }));
    const { detectors, id } = Detection.parse(await response.json());
    expect(detectors.map(({ status, reason }) => [status, reason])).toEqual([
      ['skipped', 'policy'],
      ['pending', null],
      ['skipped', 'model_unavailable'],
    ]);
    expect(await readJson(gateway.store, requestKey('default', id), RequestRecord)).toMatchObject({
      options: { detectors: ['distildire', 'llm'] },
      slots: ['distildire'],
    });
    const none = await gateway.post('/api/v1/detections', formOf(jpegOf(9, 9), { detectors: 'llm' }));
    expect([none.status, await none.json()]).toMatchObject([503, { code: 'no_detector_available' }]);
  });

  it('answers 202 at the end of a wait that brought no verdict, and enqueued with priority', async () => {
    const response = await gateway.post('/api/v1/detections', formOf(jpegOf(9, 9)), { prefer: 'wait=1' });
    const { id } = Detection.parse(await response.json());
    expect([response.status, response.headers.get('preference-applied')]).toEqual([202, null]);
    expect(await readJson(gateway.store, requestKey('default', id), RequestRecord)).toMatchObject({ priority: 1 });
  });

  it('answers 200 when the verdict comes while the client waits', async () => {
    gateway.answerJobs();
    const startedMs = performance.now();
    const response = await gateway.post('/api/v1/detections', formOf(jpegOf(9, 9)), { prefer: 'wait=20' });
    expect(performance.now() - startedMs).toBeLessThan(5_000);
    expect([response.status, response.headers.get('preference-applied')]).toEqual([200, 'wait=20']);
    expect(response.headers.get('retry-after')).toBeNull();
    expect(Detection.parse(await response.json())).toMatchObject({ done: true, verdict: 'manipulated' });
  });
});

describe('GET /api/v1/detections/{id}', () => {
  let gateway: RunningGateway;
  beforeAll(async () => {
    gateway = await runGateway();
  });
  afterAll(() => gateway.close());
  const read = async (id: string, headers: Record<string, string> = {}) => {
    const response = await gateway.get(`/api/v1/detections/${id}`, headers);
    return { response, detection: Detection.parse(await response.json()) };
  };

  it('goes from queued by processing to completed, each with a tag of its own', async () => {
    const { id } = await gateway.submit();
    const queued = await read(id);
    await gateway.storePartial(id, 'distildire');
    const processing = await read(id);
    await gateway.storeVerdict(id);
    const completed = await read(id);
    expect([queued, processing, completed].map(({ detection }) => detection.status)).toEqual([
      'queued',
      'processing',
      'completed',
    ]);
    const tags = [queued, processing, completed].map(({ response }) => response.headers.get('etag'));
    expect(new Set(tags).size).toBe(3);
    for (const tag of tags) expect(tag).toMatch(/^"[0-9a-f]{16}"$/);
    expect(completed.response.headers.get('retry-after')).toBeNull();
    expect(queued.response.headers.get('retry-after')).toMatch(/^\d+$/);
    expect(queued.response.headers.get('cache-control')).toBe('private, no-cache');
    expect(queued.response.headers.get('vary')).toBe('Prefer');
    expect((await read(id)).response.headers.get('etag')).toBe(tags[2]);
  });

  it('answers 304 to who has it already, and still says when to come back', async () => {
    const { id } = await gateway.submit();
    const etag = (await read(id)).response.headers.get('etag')!;
    for (const header of [etag, `W/${etag}`, `"0000000000000000", ${etag}`, '*']) {
      const same = await gateway.get(`/api/v1/detections/${id}`, { 'if-none-match': header });
      expect([same.status, await same.text()]).toEqual([304, '']);
      expect([same.headers.get('etag'), same.headers.get('retry-after')]).toEqual([etag, '1']);
    }
    await gateway.storeVerdict(id);
    expect((await gateway.get(`/api/v1/detections/${id}`, { 'if-none-match': etag })).status).toBe(200);
  });

  it('holds the answer back until the verdict is there', async () => {
    const { id } = await gateway.submit();
    const waited = read(id, { prefer: 'wait=20' });
    const startedMs = performance.now();
    await gateway.storeVerdict(id);
    const { response, detection } = await waited;
    expect(performance.now() - startedMs).toBeLessThan(3_000);
    expect(detection.done).toBe(true);
    expect(response.headers.get('preference-applied')).toBe('wait=20');
  });

  it('answers 200 with what there is when the time is over', async () => {
    const { id } = await gateway.submit();
    const { response, detection } = await read(id, { prefer: 'wait=1' });
    expect([response.status, detection.status]).toEqual([200, 'queued']);
    expect(response.headers.get('retry-after')).not.toBeNull();
  });

  it('notices a verdict that nobody announced', async () => {
    const { id } = await gateway.submit();
    const waited = read(id, { prefer: 'wait=20' });
    const ref = { tenant: 'default', id, revision: 1 };
    await createJson(gateway.store, verdictKey(ref), VerdictRecord, verdictOf(ref));
    expect((await waited).detection.done).toBe(true);
  });

  it('has the same headers for HEAD, and no body', async () => {
    const { id } = await gateway.submit();
    await gateway.storeVerdict(id);
    const { response } = await read(id);
    const head = await fetch(`${gateway.url}/api/v1/detections/${id}`, { method: 'HEAD' });
    expect(await head.text()).toBe('');
    for (const name of ['etag', 'content-length', 'content-type', 'cache-control']) {
      expect(head.headers.get(name)).toBe(response.headers.get(name));
    }
  });

  it.each(['det_1', 'nonsense', newDetectionId(Date.now()), '..%2f..%2fkeys.json'])(
    'answers 404 for an id that was never given: %s',
    async (id) => {
      const response = await gateway.get(`/api/v1/detections/${id}`);
      expect([response.status, await response.json()]).toMatchObject([404, { code: 'not_found' }]);
    },
  );

  it('answers every accepted id after Redis has forgotten everything', async () => {
    const open = await gateway.submit();
    const done = await gateway.submit();
    await gateway.storeVerdict(done.id);
    const before = await read(done.id);
    const keys = await gateway.redis.keys(`${gateway.prefix}:*`);
    expect(keys).toContain(`${gateway.prefix}:answer:default:${done.id}`);
    await gateway.redis.del(...keys);
    expect((await read(open.id)).detection.status).toBe('queued');
    expect((await read(done.id)).response.headers.get('etag')).toBe(before.response.headers.get('etag'));
  });
});

describe('GET /api/v1/detections', () => {
  let gateway: RunningGateway;
  beforeAll(async () => {
    gateway = await runGateway();
  });
  afterAll(() => gateway.close());

  it('pages through the list newest first, by cursor and by link', async () => {
    const ids: string[] = [];
    for (let i = 0; i < 5; i++) ids.push((await gateway.submit()).id);
    await gateway.storeVerdict(ids[2]!);
    const listed: Detection[] = [];
    const sizes: number[] = [];
    let path: string | null = '/api/v1/detections?limit=2';
    while (path !== null) {
      const response: Response = await gateway.get(path);
      const page = DetectionPage.parse(await response.json());
      listed.push(...page.data);
      sizes.push(page.data.length);
      const link: string | null = response.headers.get('link');
      path = link === null ? null : /^<([^>]+)>; rel="next"$/.exec(link)![1]!;
      expect(path?.includes(`cursor=${page.next_cursor}`) ?? page.next_cursor === null).toBe(true);
    }
    expect(sizes).toEqual([2, 2, 1]);
    // Two of the same millisecond have no order among them.
    const newestFirst = ids.toSorted((a, b) => b.slice(0, 16).localeCompare(a.slice(0, 16)));
    expect(listed.map(({ id }) => id.slice(0, 16))).toEqual(newestFirst.map((id) => id.slice(0, 16)));
    expect(new Set(listed.map(({ id }) => id))).toEqual(new Set(ids));
    expect(listed.find(({ id }) => id === ids[2])).toMatchObject({ done: true });
  });

  it('is empty for who asked nothing yet', async () => {
    const empty = await runGateway();
    expect(await (await empty.get('/api/v1/detections')).json()).toEqual({ data: [], next_cursor: null });
    await empty.close();
  });

  it.each(['limit=0', 'limit=101', 'cursor=abc', 'external_id=x', 'sha256=x'])('refuses ?%s', async (query) => {
    const response = await gateway.get(`/api/v1/detections?${query}`);
    expect([response.status, await response.json()]).toMatchObject([
      400,
      { code: 'malformed_request', errors: [{ pointer: `/${query.split('=')[0]}` }] },
    ]);
  });
});
