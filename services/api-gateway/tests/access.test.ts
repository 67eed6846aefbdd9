import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { networkInterfaces } from 'node:os';
import { Detection, DetectionPage } from '@touchstone/shared/contracts/detection';
import { formOf, runGateway, talk, until, type RunningGateway } from './running-gateway.ts';
import { jpegOf } from './tiny-images.ts';

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

describe('without keys', () => {
  let gateway: RunningGateway;
  beforeAll(async () => {
    gateway = await runGateway();
  });
  afterAll(() => gateway.close());

  it('this machine is served', async () => {
    expect((await gateway.get('/api/v1/detections')).status).toBe(200);
  });

  it.each([
    { 'x-forwarded-for': '127.0.0.1' },
    { forwarded: 'for=127.0.0.1' },
    { 'sec-fetch-site': 'cross-site' },
    { origin: 'https://example.com' },
  ])('a request through others is not: %p', async (headers) => {
    for (const response of [
      await gateway.get('/api/v1/detections', headers as Record<string, string>),
      await gateway.post('/api/v1/detect', formOf(jpegOf(8, 8)), headers as Record<string, string>),
    ]) {
      expect(response.status).toBe(401);
      expect(response.headers.get('www-authenticate')).toMatch(/^Bearer /);
      expect(await response.json()).toMatchObject({
        code: 'unauthenticated',
        detail: expect.stringContaining('npm run keys'),
      });
    }
    expect(await gateway.leftovers()).toEqual([]);
  });

  it('a rebound name is not, while the page and the probes need nothing', async () => {
    const ask = (path: string) =>
      talk(gateway.url, [`GET ${path} HTTP/1.1\r\nHost: rebound.example\r\nConnection: close\r\n\r\n`]);
    expect(await ask('/api/v1/detections')).toMatch(/^HTTP\/1\.1 401 /);
    for (const path of ['/', '/health', '/livez', '/readyz', '/favicon.ico']) {
      expect(await ask(path)).toMatch(/^HTTP\/1\.1 200 /);
    }
  });
});

const own = Object.values(networkInterfaces())
  .flat()
  .find((address) => address?.family === 'IPv4' && !address.internal)?.address;
if (own === undefined) process.stderr.write('skipped: access by network, because there is no network interface\n');
(own === undefined ? describe.skip : describe)('without keys, by network', () => {
  it('another machine is not served', async () => {
    const open = await runGateway({ HOST: '0.0.0.0' });
    const { port } = new URL(open.url);
    const answer = await talk(`http://${own}:${port}`, [
      'GET /api/v1/detections HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
    ]);
    expect(answer).toMatch(/^HTTP\/1\.1 401 /);
    await open.close();
  });
});

describe('with keys', () => {
  let gateway: RunningGateway;
  beforeEach(async () => {
    gateway = await runGateway();
  });
  afterEach(() => gateway.close());
  const untilAnswered = (status: number, headers: Record<string, string>) =>
    until(async () => (await gateway.get('/api/v1/detections', headers)).status === status, 5_000);

  it('every request needs one within 5 s of the first, and a revoked one ends within 5 s', async () => {
    expect((await gateway.get('/api/v1/detections')).status).toBe(200);
    const key = await gateway.keys('create --tenant acme --scopes detect:read');
    await untilAnswered(401, {});
    expect((await gateway.get('/api/v1/detections', bearer(key))).status).toBe(200);
    await gateway.keys(`revoke ${key.slice(9, 17)}`);
    await untilAnswered(401, bearer(key));
    const refused = await gateway.get('/api/v1/detections', bearer(key));
    expect(refused.headers.get('www-authenticate')).toContain('error="invalid_token"');
    expect(await refused.text()).not.toContain(key.slice(18, 61));
  });

  it('scopes say what a key may do', async () => {
    const writer = await gateway.keys('create --tenant acme --scopes detect:write');
    await untilAnswered(401, {});
    await gateway.submit(jpegOf(8, 8), bearer(writer));
    const refused = await gateway.get('/api/v1/detections', bearer(writer));
    expect([refused.status, await refused.json()]).toMatchObject([403, { code: 'scope_missing' }]);
  });

  it('a tenant sees its own detections alone', async () => {
    const [acme, other] = [
      await gateway.keys('create --tenant acme --scopes detect:write,detect:read'),
      await gateway.keys('create --tenant other --scopes detect:write,detect:read'),
    ];
    await untilAnswered(401, {});
    const { id } = await gateway.submit(jpegOf(8, 8), bearer(acme));
    const path = `/api/v1/detections/${id}`;
    const listOf = async (key: string) =>
      DetectionPage.parse(await (await gateway.get('/api/v1/detections', bearer(key))).json()).data.map(
        (one) => one.id,
      );
    expect((await gateway.get(path, bearer(acme))).status).toBe(200);
    expect((await gateway.get(path, bearer(other))).status).toBe(404);
    expect((await gateway.get(path, { ...bearer(other), prefer: 'wait=5' })).status).toBe(404);
    expect([await listOf(acme), await listOf(other)]).toEqual([[id], []]);
    await gateway.storeVerdict(id, {}, 'acme');
    expect(Detection.parse(await (await gateway.get(path, bearer(acme))).json()).done).toBe(true);
    expect((await gateway.get(path, bearer(other))).status).toBe(404);
  });
});

describe('ANONYMOUS_DETECT', () => {
  it('opens POST /detect alone, ten times a minute per address', async () => {
    const gateway = await runGateway({ ANONYMOUS_DETECT: '1', DETECT_WAIT_MS: '1', TRUST_PROXY: '1' });
    const from = (address: string) => ({ 'x-forwarded-for': address });
    const detect = (address: string) => gateway.post('/api/v1/detect', formOf(jpegOf(8, 8)), from(address));
    for (let i = 0; i < 10; i++) expect((await detect('192.0.2.1')).status).toBe(504);
    const limited = await detect('192.0.2.1');
    expect([limited.status, await limited.json()]).toMatchObject([429, { code: 'rate_limited' }]);
    expect(Number(limited.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await detect('192.0.2.2')).status).toBe(504);
    const elsewhere = await gateway.post('/api/v1/detections', formOf(jpegOf(8, 8)), from('192.0.2.2'));
    expect(elsewhere.status).toBe(401);
    // Direct from this machine nothing is limited.
    expect((await gateway.post('/api/v1/detect', formOf(jpegOf(8, 8)))).status).toBe(504);
    await gateway.close();
  });
});
