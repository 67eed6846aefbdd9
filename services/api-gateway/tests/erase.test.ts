import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { Detection, DetectionPage } from '@touchstone/shared/contracts/detection';
import { ErasingMarker } from '@touchstone/shared/contracts/erasure';
import { createJson } from '@touchstone/shared/storage/json-object';
import { deliveryKey, erasedKey, erasingKey, pendingKey, undeliveredKey } from '@touchstone/shared/storage/keys';
import { formOf, runGateway, until, type RunningGateway } from './running-gateway.ts';
import { jpegOf } from './tiny-images.ts';

const PATH = '/api/v1/detections';

describe('an erased detection', () => {
  let gateway: RunningGateway;
  beforeAll(async () => {
    gateway = await runGateway();
  });
  afterAll(() => gateway.close());

  const erase = (id: string) => fetch(`${gateway.url}${PATH}/${id}`, { method: 'DELETE' });
  const objectsOf = async (id: string) =>
    (await gateway.store.list('', null, 1_000)).map(({ key }) => key).filter((key) => key.includes(id));
  const redisKeysOf = async (id: string) => {
    const found: string[] = [];
    for (const key of await gateway.redis.keys(`${gateway.prefix}*`)) {
      const isNamed = key.includes(id);
      const type = isNamed ? 'named' : await gateway.redis.type(key);
      if (
        isNamed ||
        (type === 'zset' && (await gateway.redis.zrange(key, '0', '-1')).some((one) => one.includes(id)))
      ) {
        found.push(key);
      }
    }
    return found;
  };

  it('leaves nothing but its tombstone, neither in the store nor in Redis', async () => {
    const answer = await gateway.post(PATH, formOf(jpegOf(20, 30)), { 'Idempotency-Key': randomUUID() });
    const { id } = Detection.parse(await answer.json());
    const ref = { tenant: 'default', id, revision: 1 };
    await gateway.storePartial(id, 'sbi');
    await gateway.storeVerdict(id);
    await gateway.store.create(undeliveredKey(ref), new Uint8Array());
    await gateway.store.create(deliveryKey('once', ref, 1), Buffer.from('{}'));
    expect((await gateway.get(`${PATH}/${id}`)).status).toBe(200);
    expect((await redisKeysOf(id)).length).toBeGreaterThan(0);
    const startedMs = performance.now();
    expect((await erase(id)).status).toBe(204);
    expect(performance.now() - startedMs).toBeLessThan(5_000);
    expect(await objectsOf(id)).toEqual([erasedKey('default', id)]);
    expect(await gateway.store.list('idem/default/', null, 10)).toEqual([]);
    expect(await redisKeysOf(id)).toEqual([]);
    expect((await gateway.get(`${PATH}/${id}`)).status).toBe(404);
    expect((await erase(id)).status).toBe(404);
    const list = (await (await gateway.get(PATH)).json()) as { data: { id: string }[] };
    expect(list.data.map((one) => one.id)).not.toContain(id);
  });

  it('answers 404 at once to who waits for it', async () => {
    const { id } = await gateway.submit();
    const waiting = gateway.get(`${PATH}/${id}`, { Prefer: 'wait=30' });
    await erase(id);
    expect((await waiting).status).toBe(404);
  });

  it('is completed by the next DELETE when the first was cut short', async () => {
    const { id } = await gateway.submit();
    const marker: ErasingMarker = { v: 1, id, tenant: 'default', revisions: [1], idempotency_key_sha256: null };
    await createJson(gateway.store, erasingKey('default', id), ErasingMarker, marker);
    await gateway.store.create(erasedKey('default', id), Buffer.from('{}'));
    await gateway.store.delete(`requests/default/${id}.json`);
    expect((await objectsOf(id)).length).toBeGreaterThan(2);
    expect((await erase(id)).status).toBe(204);
    expect(await objectsOf(id)).toEqual([erasedKey('default', id)]);
  });

  it('does not come back under its Idempotency-Key, which names a new detection from then on', async () => {
    const headers = { 'Idempotency-Key': randomUUID() };
    const post = async () =>
      Detection.parse(await (await gateway.post(PATH, formOf(jpegOf(20, 30)), headers)).json()).id;
    const first = await post();
    await erase(first);
    const second = await post();
    expect(second).not.toBe(first);
    expect((await gateway.get(`${PATH}/${first}`)).status).toBe(404);
    expect((await gateway.get(`${PATH}/${second}`)).status).toBe(200);
  });

  it('is not joined by who posts the same image to /detect again', async () => {
    const image = jpegOf(33, 30);
    const detect = async () => {
      const answer = await gateway.post('/api/v1/detect', formOf(image), { Prefer: 'wait=1' });
      expect(answer.status).toBe(504);
      return answer.headers.get('location')!.split('/').at(-1)!;
    };
    const first = await detect();
    await erase(first);
    expect(await detect()).not.toBe(first);
  });

  it('answers 404 at once to who waits for it at /detect', async () => {
    const waiting = gateway.post('/api/v1/detect', formOf(jpegOf(34, 30)), { Prefer: 'wait=30' });
    let id: string | undefined;
    await until(async () => {
      const { data } = DetectionPage.parse(await (await gateway.get(PATH)).json());
      id = data.find(({ image }) => image.width === 34)?.id;
      return id !== undefined;
    });
    // So early that the request may still be looking for a tombstone itself: then it tells of the conflict.
    await until(
      async () => (await gateway.store.head(pendingKey({ tenant: 'default', id: id!, revision: 1 }))) !== null,
    );
    await erase(id!);
    expect([404, 409]).toContain((await waiting).status);
  });

  it('is none when the id is unknown', async () => {
    expect((await erase('det_0198f4f0000070008000000000000000')).status).toBe(404);
    expect((await erase('det_1')).status).toBe(404);
  });
});
