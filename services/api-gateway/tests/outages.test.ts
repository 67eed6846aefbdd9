import { describe, expect, it } from '@jest/globals';
import { mkdir, readdir, rename, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Detection, DetectionPage } from '@touchstone/shared/contracts/detection';
import { erasedKey, erasingKey, indexPrefix, pendingKey } from '@touchstone/shared/storage/keys';
import { formOf, runGateway, until } from './running-gateway.ts';
import { jpegOf } from './tiny-images.ts';

describe('while Redis is down', () => {
  it('accepts, answers, lists and erases, and says that it is degraded', async () => {
    const gateway = await runGateway({ REDIS_URL: 'unix:///nowhere/redis.sock' });
    const startedMs = performance.now();
    const { id } = await gateway.submit();
    expect(performance.now() - startedMs).toBeLessThan(3_000);
    expect(await gateway.store.head(pendingKey({ tenant: 'default', id, revision: 1 }))).not.toBeNull();

    const read = async (headers: Record<string, string> = {}) =>
      Detection.parse(await (await gateway.get(`/api/v1/detections/${id}`, headers)).json()).status;
    expect(await read()).toBe('queued');
    await gateway.storePartial(id, 'sbi');
    expect(await read()).toBe('processing');
    const waited = read({ prefer: 'wait=20' });
    await gateway.storeVerdict(id);
    expect(await waited).toBe('completed');
    const page = DetectionPage.parse(await (await gateway.get('/api/v1/detections')).json());
    expect(page.data.map((one) => one.id)).toEqual([id]);

    expect((await gateway.get('/readyz')).status).toBe(200);
    const health = await gateway.get('/health');
    expect([health.status, await health.json()]).toMatchObject([
      200,
      { status: 'degraded', parts: { redis: { state: 'unavailable' }, store: { state: 'ok' } } },
    ]);

    // The store is erased at once; the rest is left to whoever finds the marker when Redis is back.
    expect((await fetch(`${gateway.url}/api/v1/detections/${id}`, { method: 'DELETE' })).status).toBe(204);
    expect((await gateway.get(`/api/v1/detections/${id}`)).status).toBe(404);
    const left = (await gateway.store.list('', null, 100)).map(({ key }) => key).filter((key) => key.includes(id));
    expect(left).toEqual([erasedKey('default', id), erasingKey('default', id)]);
    await gateway.close();
  });
});

describe('while the store refuses writes', () => {
  it('answers 503, keeps nothing in the spool, is not ready, and recovers', async () => {
    const gateway = await runGateway();
    const objects = join(gateway.dataDir, 'objects');
    // A file in the place of the directory fails every write, for root as well.
    await rename(objects, `${objects}-away`);
    await writeFile(objects, '');
    const refused = await gateway.post('/api/v1/detections', formOf(jpegOf(8, 8)));
    expect([refused.status, await refused.json()]).toMatchObject([503, { code: 'store_unavailable' }]);
    expect(refused.headers.get('retry-after')).not.toBeNull();
    expect(await readdir(join(gateway.dataDir, 'spool'))).toEqual([]);
    expect((await gateway.get('/readyz')).status).toBe(503);
    expect((await gateway.get('/livez')).status).toBe(200);
    expect(await (await gateway.get('/health')).json()).toMatchObject({ parts: { store: { state: 'unavailable' } } });
    await rename(objects, `${objects}-file`);
    await rename(`${objects}-away`, objects);
    expect(await gateway.submit()).toMatchObject({ status: 'queued' });
    // A probe counts for a second.
    await until(async () => (await gateway.get('/readyz')).status === 200);
    await gateway.close();
  });

  it('lists no question whose marker could not be stored', async () => {
    const gateway = await runGateway();
    await writeFile(join(gateway.dataDir, 'objects', 'pending'), '');
    expect((await gateway.post('/api/v1/detections', formOf(jpegOf(8, 8)))).status).toBe(503);
    expect(await gateway.store.list(indexPrefix('default'), null, 10)).toEqual([]);
    expect(await (await gateway.get('/api/v1/detections')).json()).toMatchObject({ data: [] });
    await gateway.close();
  });

  it('is ready for everyone who asks at the same time', async () => {
    const gateway = await runGateway();
    const ask = async (url: string) => (await fetch(`${url}/readyz`)).status;
    const answers = await Promise.all([gateway.url, gateway.metricsUrl, gateway.url, gateway.metricsUrl].map(ask));
    expect(answers).toEqual([200, 200, 200, 200]);
    await gateway.close();
  });
});

describe('after a kill', () => {
  it('removes what the last process left in the spool, and nothing that is still written', async () => {
    const first = await runGateway();
    const spool = join(first.dataDir, 'spool');
    await mkdir(spool, { recursive: true });
    await writeFile(join(spool, 'old'), 'x');
    await writeFile(join(spool, 'new'), 'x');
    const anHourAgo = new Date(Date.now() - 3_600_000);
    await utimes(join(spool, 'old'), anHourAgo, anHourAgo);
    const second = await runGateway({ DATA_DIR: first.dataDir });
    expect(await readdir(spool)).toEqual(['new']);
    await second.stop();
    await first.close();
    await second.close();
  });
});
