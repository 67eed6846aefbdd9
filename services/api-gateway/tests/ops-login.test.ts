import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { stat } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { runOps, type RunningOps } from './ops-running.ts';

/** Every route there is, Bull Board's among them, and some that there are not. */
const ROUTES: [string, string][] = [
  ['GET', '/'],
  ['GET', '/logout'],
  ['POST', '/logout'],
  ['GET', '/metrics'],
  ['GET', '/ops/queues'],
  ['GET', '/ops/queues/'],
  ['GET', '/ops/queues/queue/detect-sbi'],
  ['GET', '/ops/queues/queue/detect-sbi/x'],
  ['GET', '/ops/queues/metrics-history'],
  ['GET', '/ops/queues/static/favicon.ico'],
  ['GET', '/ops/queues/static/../static/favicon.ico'],
  ['GET', '/ops/queues//api/queues'],
  ['GET', '/OPS/QUEUES/api/queues'],
  ['GET', '/ops/queues/api/redis/stats'],
  ['GET', '/ops/queues/api/queues'],
  ['GET', '/ops/queues/api/job-schedulers'],
  ...['metrics', 'default-job-options', 'workers', 'rate-limit', 'job-data-schema', 'x', 'x/logs', 'x/flow'].map(
    (part): [string, string] => ['GET', `/ops/queues/api/queues/detect-sbi/${part}`],
  ),
  ['PUT', '/ops/queues/api/queues/pause'],
  ['POST', '/ops/queues/api/queues/detect-sbi/add'],
  ['PUT', '/ops/queues/api/queues/detect-sbi/clean/failed'],
  ['PUT', '/ops/queues/api/queues/detect-sbi/x/retry'],
  ['PATCH', '/ops/queues/api/queues/detect-sbi/x/update-data'],
  ['OPTIONS', '/ops/queues/api/queues'],
  ['GET', '/livez'],
  ['GET', '/.env'],
];
/** As a reverse proxy sends it: then nobody is local. */
const PROXIED = { 'x-forwarded-for': '203.0.113.9' };

describe('the operators’ port', () => {
  let ops: RunningOps;
  beforeEach(async () => {
    ops = await runOps();
  });
  afterEach(() => ops.close());

  it('answers 200 on no route but the login form before a login', async () => {
    for (const [method, path] of ROUTES) {
      for (const headers of [{}, { accept: 'text/html' }, { cookie: `touchstone_ops=${'a'.repeat(43)}` }]) {
        const { status, headers: sent } = await ops.ask(method, path, { ...PROXIED, origin: ops.url, ...headers });
        const leadsToLogin = status === 303 && sent['location'] === '/login';
        expect([path, status === 401 || leadsToLogin]).toEqual([path, true]);
      }
    }
    expect((await ops.ask('GET', '/login', PROXIED)).status).toBe(200);
  });

  it('keeps its password in a file of mode 0600', async () => {
    expect((await stat(join(ops.dataDir, 'ops-password'))).mode & 0o777).toBe(0o600);
    expect(ops.password.length).toBeGreaterThanOrEqual(24);
  });

  it('opens a session for the right password that lasts until the logout', async () => {
    const answer = await ops.logIn();
    expect(answer).toMatchObject({ status: 303, headers: { location: '/' } });
    const [cookie] = answer.headers['set-cookie'] as string[];
    expect(cookie).toMatch(/^touchstone_ops=[\w-]{43}; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict$/);
    const headers = { cookie: cookie!.split(';')[0]!, origin: ops.url };
    expect(await ops.ask('GET', '/', headers)).toMatchObject({ status: 303, headers: { location: '/ops/queues' } });
    expect((await ops.ask('GET', '/ops/queues', headers)).status).toBe(200);
    expect((await ops.ask('GET', '/logout', headers)).body).toContain('action="/logout"');
    expect((await ops.ask('POST', '/logout', headers)).headers['set-cookie']).toEqual([
      expect.stringMatching(/^touchstone_ops=; .*Max-Age=0/),
    ]);
    expect((await ops.ask('GET', '/ops/queues', headers)).status).toBe(401);
  });

  it('marks the cookie as secure where the browser came by TLS', async () => {
    const { headers } = await ops.logIn(ops.password, { 'x-forwarded-proto': 'https' });
    expect(headers['set-cookie']).toEqual([expect.stringMatching(/; Secure$/)]);
  });

  it('refuses wrong passwords, and after five of them every password for a while', async () => {
    const tries = await Promise.all(Array.from({ length: 8 }, (_, i) => ops.logIn(`wrong-${i}`)));
    expect(tries.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([
      401, 401, 401, 401, 401, 429, 429, 429,
    ]);
    const right = await ops.logIn();
    expect(right.status).toBe(429);
    expect(Number(right.headers['retry-after'])).toBeGreaterThan(0);
    expect(right.headers['set-cookie']).toBeUndefined();
    const metrics = await ops.ask('GET', '/metrics');
    expect(metrics.body).toMatch(/touchstone_ops_logins_total\{[^}]*outcome="refused"[^}]*\} 5\n/);
    expect(metrics.body).toMatch(/touchstone_ops_logins_total\{[^}]*outcome="limited"[^}]*\} 4\n/);
  });

  it('forgives the tries before the right password', async () => {
    for (let i = 0; i < 12; i++) expect((await ops.logIn(i % 4 === 3 ? ops.password : 'wrong')).status).not.toBe(429);
  });

  it.each([
    ['a long form', 'password='.padEnd(5_000, 'x'), 400],
    ['no password', 'username=ops', 401],
    ['two passwords', 'password=a&password=b', 401],
    ['many fields', 'a=1&b=2&c=3&d=4&e=5&password=x', 400],
  ])('refuses %s', async (_what, body, status) => {
    const headers = { origin: ops.url, 'content-type': 'application/x-www-form-urlencoded' };
    expect((await ops.ask('POST', '/login', headers, body)).status).toBe(status);
  });

  it('refuses every change that comes from another page, with or without a login', async () => {
    const { cookie } = await ops.session();
    const elsewhere: Record<string, string>[] = [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { origin: ops.url.replace(/\d+$/, '1') },
      { origin: ops.url, 'sec-fetch-site': 'same-site' },
      { 'sec-fetch-site': 'cross-site' },
      {},
    ];
    for (const headers of elsewhere) {
      for (const [method, path] of [
        ['POST', '/login'],
        ['POST', '/logout'],
        ['PUT', '/ops/queues/api/queues/pause'],
      ] as const) {
        expect((await ops.ask(method, path, { cookie: cookie!, ...headers })).status).toBe(400);
      }
    }
    expect((await ops.ask('GET', '/ops/queues', { cookie: cookie! })).status).toBe(200);
  });

  it('sends headers that keep its pages to themselves', async () => {
    const board = await ops.ask('GET', '/ops/queues', await ops.session());
    expect(board.headers['content-security-policy']).toContain("script-src 'self';");
    const login = await ops.ask('GET', '/login');
    expect(login.headers['content-security-policy']).toMatch(/^default-src 'none'; style-src 'sha256-/);
    for (const { headers } of [board, login, await ops.ask('GET', '/nothing')]) {
      expect(headers).toMatchObject({
        'cache-control': 'no-store',
        'x-frame-options': 'DENY',
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'same-origin',
        'content-security-policy': expect.stringContaining("frame-ancestors 'none'"),
      });
      expect(headers['x-powered-by']).toBeUndefined();
    }
  });
});

const basic = (password: string, user = 'ops') => ({
  ...PROXIED,
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
});

describe('the merged metrics', () => {
  it('are for programs of this machine, for sessions and for HTTP Basic', async () => {
    const ops = await runOps();
    try {
      const { cookie } = await ops.session();
      expect((await ops.ask('GET', '/metrics')).status).toBe(200);
      expect((await ops.ask('GET', '/metrics', { ...PROXIED, cookie: cookie! })).status).toBe(200);
      expect((await ops.ask('GET', '/metrics', basic(ops.password))).status).toBe(200);
      const strangers: Record<string, string>[] = [
        { host: 'rebound.example:8001' },
        { origin: 'https://evil.example' },
        { 'sec-fetch-site': 'cross-site' },
        basic(ops.password, 'root'),
        basic('wrong'),
        { authorization: 'Basic !' },
      ];
      for (const headers of strangers) {
        const { status, headers: sent } = await ops.ask('GET', '/metrics', headers);
        expect([headers, status]).toEqual([headers, 401]);
        expect(sent['www-authenticate']).toMatch(/^Basic realm=/);
      }
      // Basic opens nothing else: a browser would send it along with whatever a stranger's page asks for.
      expect((await ops.ask('GET', '/ops/queues', basic(ops.password))).status).toBe(401);
    } finally {
      await ops.close();
    }
  });

  it('limit guesses, without shutting people out of the form', async () => {
    const ops = await runOps();
    try {
      for (let i = 0; i < 5; i++) expect((await ops.ask('GET', '/metrics', basic(`guess-${i}`))).status).toBe(401);
      expect((await ops.ask('GET', '/metrics', basic(ops.password))).status).toBe(429);
      expect((await ops.logIn()).status).toBe(303);
    } finally {
      await ops.close();
    }
  });
});

const own = Object.values(networkInterfaces())
  .flat()
  .find((each) => each?.family === 'IPv4' && !each.internal)?.address;
if (own === undefined) process.stderr.write('skipped: operators by network, because there is no network interface\n');
(own === undefined ? describe.skip : describe)('the merged metrics, by network', () => {
  it('need the password, and OPS_HOST to be reachable at all', async () => {
    const [closed, open] = [await runOps(), await runOps({ OPS_HOST: '0.0.0.0' })];
    const outside = ({ url }: RunningOps) => `http://${own}:${new URL(url).port}`;
    const askOutside = async (headers: Record<string, string>) =>
      (await open.ask('GET', '/metrics', headers, '', outside(open))).status;
    try {
      await expect(closed.ask('GET', '/metrics', {}, '', outside(closed))).rejects.toMatchObject({
        code: 'ECONNREFUSED',
      });
      expect(await askOutside({})).toBe(401);
      expect(await askOutside({ host: 'localhost' })).toBe(401);
      expect(await askOutside({ authorization: basic(open.password).authorization })).toBe(200);
    } finally {
      await closed.close();
      await open.close();
    }
  });
});
