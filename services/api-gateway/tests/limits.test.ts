import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Problem } from '@touchstone/shared/contracts/failure';
import { newDetectionId } from '@touchstone/shared/contracts/detection-id';
import type { RevisionPayload } from '@touchstone/shared/queue/catalog';
import { openDetectionJobs } from '@touchstone/shared/queue/detection-jobs';
import { publishPendingCounts } from '@touchstone/shared/queue/pending-counts';
import { runKeysCommand } from '../src/run-keys-command.ts';
import { formOf, runGateway, talk, until, type RunningGateway } from './running-gateway.ts';
import { jpegOf } from './tiny-images.ts';

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
let folder: string;
/** Keys that are there before the gateway starts. */
async function makeKeys(...options: string[]) {
  const file = join(folder, `${randomUUID()}.json`);
  const keys: string[] = [];
  for (const option of options) {
    const command = `create --scopes detect:write,detect:read ${option}`;
    keys.push((await runKeysCommand(command.split(' '), file)).split('\n')[0]!);
  }
  return { file, keys };
}
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'limits-'));
});
afterAll(() => rm(folder, { recursive: true }));

const post = (gateway: RunningGateway, headers: Record<string, string> = {}, path = '/api/v1/detections') =>
  gateway.post(path, formOf(jpegOf(8, 8)), headers);
const problemOf = async (response: Response) => Problem.parse(await response.json());

describe('the rate of a key', () => {
  it.each([
    ['with Redis', {}],
    ['without Redis', { REDIS_URL: 'unix:///nowhere/redis.sock' }],
  ])('is kept at ten times as much %s, and told in headers', async (_name, settings) => {
    const { file, keys } = await makeKeys('--tenant acme', '--tenant other');
    const [acme, other] = keys.map(bearer);
    const gateway = await runGateway({
      API_KEYS_FILE: file,
      RATE_LIMIT_PER_MINUTE: '20',
      RATE_LIMIT_PER_DAY: '1000',
      ...settings,
    });
    const first = await post(gateway, acme);
    expect(first.status).toBe(202);
    expect(first.headers.get('ratelimit-policy')).toBe('"burst";q=20;w=60, "daily";q=1000;w=86400');
    expect(first.headers.get('ratelimit')).toMatch(/^"burst";r=19;t=(?:60|59)$/);
    const answers = await Promise.all(Array.from({ length: 199 }, () => post(gateway, acme)));
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 202)).toHaveLength(19);
    expect(new Set(statuses)).toEqual(new Set([202, 429]));
    const refused = answers.find(({ status }) => status === 429)!;
    expect(await problemOf(refused)).toMatchObject({
      code: 'rate_limited',
      detail: expect.stringContaining('20 images'),
    });
    expect(refused.headers.get('ratelimit')).toMatch(/^"burst";r=0;t=\d+$/);
    const retryAfterS = Number(refused.headers.get('retry-after'));
    expect([retryAfterS > 0, retryAfterS <= 60]).toEqual([true, true]);
    // Polling costs nothing of it, and neither do the others.
    expect((await gateway.get('/api/v1/detections?limit=1', acme)).status).toBe(200);
    expect((await post(gateway, other)).headers.get('ratelimit')).toMatch(/^"burst";r=19;/);
    await gateway.close();
  });

  it('is what the key itself says, where it says so', async () => {
    const { file, keys } = await makeKeys('--tenant acme --per-minute 2', '--tenant acme --per-minute 0 --per-day 0');
    const gateway = await runGateway({ API_KEYS_FILE: file, RATE_LIMIT_PER_MINUTE: '1' });
    const statuses = async (key: string) => {
      const answers: Response[] = [];
      for (let i = 0; i < 3; i++) answers.push(await post(gateway, bearer(key)));
      return [answers.map(({ status }) => status), answers.map(({ headers }) => headers.has('ratelimit'))];
    };
    expect(await statuses(keys[0]!)).toEqual([
      [202, 202, 429],
      [true, true, true],
    ]);
    expect(await statuses(keys[1]!)).toEqual([
      [202, 202, 202],
      [false, false, false],
    ]);
    await gateway.close();
  });

  it('covers requests of every kind by a limit of its own', async () => {
    const { file, keys } = await makeKeys('--tenant acme');
    const gateway = await runGateway({ API_KEYS_FILE: file, RATE_LIMIT_REQUESTS_PER_MINUTE: '3' });
    const list = () => gateway.get('/api/v1/detections', bearer(keys[0]!));
    for (let i = 0; i < 3; i++) expect((await list()).status).toBe(200);
    const refused = await list();
    expect([refused.status, refused.headers.has('retry-after')]).toEqual([429, true]);
    expect((await gateway.get('/health')).status).toBe(200);
    await gateway.close();
  });

  it('is told before the body is sent by a client that asks first', async () => {
    const { file, keys } = await makeKeys('--tenant acme --per-minute 1');
    const gateway = await runGateway({ API_KEYS_FILE: file });
    const lines = [
      'POST /api/v1/detections HTTP/1.1',
      'Host: localhost',
      `Authorization: Bearer ${keys[0]!}`,
      'Content-Type: multipart/form-data; boundary=x',
      'Content-Length: 1000',
      'Expect: 100-continue',
    ];
    const ask = () =>
      talk(gateway.url, [`${lines.join('\r\n')}\r\n\r\n`], (text) => /100 Continue|rate_limited/.test(text));
    expect(await ask()).toMatch(/^HTTP\/1\.1 100 /);
    expect(await ask()).toMatch(/^HTTP\/1\.1 429 /);
    await gateway.close();
  });

  it('does not limit this machine as long as there are no keys', async () => {
    const gateway = await runGateway({ RATE_LIMIT_PER_MINUTE: '1', RATE_LIMIT_REQUESTS_PER_MINUTE: '1' });
    for (let i = 0; i < 3; i++) {
      const response = await post(gateway);
      expect([response.status, response.headers.has('ratelimit')]).toEqual([202, false]);
    }
    await gateway.close();
  });
});

describe('admission', () => {
  it('refuses what would wait too long, and accepts again when the queue has drained', async () => {
    const gateway = await runGateway({
      DETECTORS: 'sbi',
      DETECT_WAIT_MS: '1',
      MAX_QUEUE_WAIT_MS: '1500',
      MAX_DETECT_QUEUE_WAIT_MS: '86400000',
    });
    const { id } = await gateway.submit();
    let refused = await post(gateway);
    await until(async () => (refused = await post(gateway)).status === 503);
    expect(await problemOf(refused)).toMatchObject({ code: 'overloaded' });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    // Who holds the line goes first, and nobody of those waits.
    expect((await post(gateway, {}, '/api/v1/detect')).status).toBe(504);
    expect((await post(gateway, { prefer: 'respond-async' }, '/api/v1/detect')).status).toBe(503);
    expect((await gateway.get(`/api/v1/detections/${id}`)).status).toBe(200);
    gateway.answerJobs();
    await until(async () => (await post(gateway)).status === 202);
    await gateway.close();
  });

  it('answers a repeated request, whose detection is in the long queue already, like the first', async () => {
    const gateway = await runGateway({ DETECTORS: 'sbi', MAX_QUEUE_WAIT_MS: '1500' });
    const keyed = (key: string) => post(gateway, { 'idempotency-key': key });
    const first = await keyed('a');
    await until(async () => (await post(gateway)).status === 503);
    const second = await keyed('a');
    expect([first.status, second.status, second.headers.get('idempotency-replay')]).toEqual([202, 202, 'true']);
    expect((await keyed('b')).status).toBe(503);
    await gateway.close();
  });

  it('lets everything in while Redis is down', async () => {
    const gateway = await runGateway({ REDIS_URL: 'unix:///nowhere/redis.sock', MAX_QUEUE_WAIT_MS: '1' });
    expect((await post(gateway)).status).toBe(202);
    expect((await post(gateway)).status).toBe(202);
    await gateway.close();
  });
});

describe('queued work of one tenant', () => {
  it('is capped, apart from that of others, until the sweeper has counted less', async () => {
    const { file, keys } = await makeKeys('--tenant acme', '--tenant other');
    const [acme, other] = keys.map(bearer);
    const gateway = await runGateway({ API_KEYS_FILE: file, MAX_QUEUED_PER_TENANT: '3' });
    for (let i = 0; i < 5; i++) expect((await gateway.post('/api/v1/detections', formOf(null), acme)).status).toBe(400);
    const statuses = await Promise.all(Array.from({ length: 6 }, async () => (await post(gateway, acme)).status));
    expect(statuses.toSorted((a, b) => a - b)).toEqual([202, 202, 202, 429, 429, 429]);
    const refused = await post(gateway, acme);
    expect([refused.headers.get('retry-after'), await problemOf(refused)]).toMatchObject([
      '10',
      { code: 'rate_limited', detail: expect.stringContaining('wait for a verdict') },
    ]);
    expect((await post(gateway, other)).status).toBe(202);

    const publish = (count: number) =>
      publishPendingCounts(gateway.redis, gateway.prefix, { since_ms: Date.now(), by_tenant: { acme: count } });
    await publish(2);
    await until(async () => (await post(gateway, acme)).status === 202);
    expect((await post(gateway, acme)).status).toBe(429);
    await gateway.close();
  });

  it('does not count a repeated request', async () => {
    const gateway = await runGateway({ MAX_QUEUED_PER_TENANT: '1' });
    const keyed = (key: string) => post(gateway, { 'idempotency-key': key });
    expect((await keyed('a')).status).toBe(202);
    const statuses = [await keyed('b'), await keyed('a'), await keyed('a')].map(({ status }) => status);
    expect(statuses).toEqual([429, 202, 202]);
    await gateway.close();
  });

  it('of a thousand detections does not hold up another who waits on the line', async () => {
    const { file, keys } = await makeKeys('--tenant other');
    const gateway = await runGateway({ API_KEYS_FILE: file });
    const jobs = openDetectionJobs(gateway.redis, gateway.prefix, () => undefined);
    const noisy = () => ({ tenant: 'noisy', id: newDetectionId(Date.now()), revision: 1, slots: ['sbi' as const] });
    for (let i = 0; i < 10; i++) await Promise.all(Array.from({ length: 100 }, () => jobs.addFlow(noisy(), 10)));
    const seen: RevisionPayload[] = [];
    const answer = post(gateway, bearer(keys[0]!), '/api/v1/detect');
    const queued = () => gateway.redis.zcount(`${gateway.prefix}:detect-sbi:prioritized`, '-inf', 2 * 2 ** 32);
    await until(async () => (await queued()) === 1);
    gateway.answerJobs({}, seen);
    const response = await answer;
    expect(response.status).toBe(200);
    // Behind at most those that the four hands of the worker took first.
    expect(seen.findIndex(({ tenant }) => tenant === 'other')).toBeLessThanOrEqual(4);
    await jobs.close();
    await gateway.close();
  });
});
