import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { Detection } from '@touchstone/shared/contracts/detection';
import { ErasingMarker } from '@touchstone/shared/contracts/erasure';
import { createJson } from '@touchstone/shared/storage/json-object';
import { deliveryKey, erasedKey, erasingKey, undeliveredKey } from '@touchstone/shared/storage/keys';
import { formOf, runGateway, type RunningGateway } from './running-gateway.ts';
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

  it('is none when the id is unknown', async () => {
    expect((await erase('det_0198f4f0000070008000000000000000')).status).toBe(404);
    expect((await erase('det_1')).status).toBe(404);
  });
});

describe('an erasure while Redis is away', () => {
  it('is done in the store at once, and its rest is left to whoever finds the marker', async () => {
    const gateway = await runGateway({ REDIS_URL: 'redis://127.0.0.1:1' });
    try {
      const { id } = await gateway.submit();
      expect((await fetch(`${gateway.url}${PATH}/${id}`, { method: 'DELETE' })).status).toBe(204);
      const left = (await gateway.store.list('', null, 100)).map(({ key }) => key).filter((key) => key.includes(id));
      expect(left.toSorted()).toEqual([erasedKey('default', id), erasingKey('default', id)].toSorted());
      expect((await gateway.get(`${PATH}/${id}`)).status).toBe(404);
    } finally {
      await gateway.close();
    }
  });
});
