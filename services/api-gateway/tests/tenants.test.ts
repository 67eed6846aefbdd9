import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DetectionPage } from '@touchstone/shared/contracts/detection';
import { newDetectionId } from '@touchstone/shared/contracts/detection-id';
import { endpointSecretContext, newEndpointId } from '@touchstone/shared/contracts/webhook';
import { generateWebhookSecret } from '@touchstone/shared/outbound/webhook-keys';
import { loadSecretKeys } from '@touchstone/shared/secrets/load-secret-keys';
import { openSecretBox } from '@touchstone/shared/secrets/secret-box';
import { openEndpointRecords } from '@touchstone/shared/webhooks/endpoint-records';
import { Scope, type ApiKeyRecord } from '../src/core/api-key.ts';
import { createApp } from '../src/http/app.ts';
import type { Gateway } from '../src/http/gateway.ts';
import { runKeysCommand } from '../src/run-keys-command.ts';
import { formOf, runGateway, type RunningGateway } from './running-gateway.ts';
import { jpegOf } from './tiny-images.ts';
import { endpointOf } from '../../../packages/shared/tests/endpoint-fixture.ts';

/** One row of the table. */
type Route = {
  method: string;
  /** As the router has it. */
  path: string;
  /** Null: open to everybody. */
  scope: Scope | null;
  /** Makes a resource of tenant A and gives back its path; absent where the path names none. */
  ownedBy?: (a: Record<string, string>) => Promise<string>;
  /** A path of the same form that names nothing. */
  unknown?: () => string;
  body?: () => FormData;
  /** What the scope and the own tenant get. */
  allowed: number;
};

const detectionOf = async (a: Record<string, string>) =>
  `/api/v1/detections/${(await gateway.submit(jpegOf(8, 8), a)).id}`;
const noDetection = () => `/api/v1/detections/${newDetectionId(Date.now())}`;
const form = () => formOf(jpegOf(8, 8));

const HOOKS = '/api/v1/webhook-endpoints';
const noHook = () => `${HOOKS}/${newEndpointId(Date.now())}`;
/** An endpoint of tenant A at an address that is not called. */
async function hookOf(): Promise<string> {
  const [tenant, id] = ['acme', newEndpointId(Date.now())];
  const box = openSecretBox(await loadSecretKeys(undefined, gateway.dataDir));
  const sealed = box.seal(generateWebhookSecret(), endpointSecretContext(tenant, id));
  const secrets = [{ sealed, created_at: new Date().toISOString(), expires_at: null }];
  const record = endpointOf({ id, tenant, url: 'https://127.0.0.1/', secrets });
  await openEndpointRecords(gateway.store).create(record);
  return `${HOOKS}/${id}`;
}
const hookRoute = (method: string, path: string, allowed: number): Route => ({
  method,
  path: `${HOOKS}/:id${path}`,
  scope: 'webhooks:manage',
  ownedBy: async () => `${await hookOf()}${path}`,
  unknown: () => `${noHook()}${path}`,
  allowed,
});
async function decidedOf(a: Record<string, string>): Promise<string> {
  const { id } = await gateway.submit(jpegOf(8, 8), a);
  await gateway.storeVerdict(id, {}, 'acme');
  return id;
}
/** Where a resource is read that a path names, or that it does something to. */
const resourceOf = (path: string) => /^(?:\/[^/]+){4}/.exec(path)![0];

/** Every route of the public door. One that is missing here fails the first test. */
const ROUTES: Route[] = [
  { method: 'POST', path: '/api/v1/detect', scope: 'detect:write', body: form, allowed: 504 },
  { method: 'POST', path: '/api/v1/detections', scope: 'detect:write', body: form, allowed: 202 },
  { method: 'GET', path: '/api/v1/detections', scope: 'detect:read', allowed: 200 },
  { method: 'POST', path: '/api/v1/uploads', scope: 'detect:write', allowed: 400 },
  {
    method: 'GET',
    path: '/api/v1/detections/:id',
    scope: 'detect:read',
    ownedBy: detectionOf,
    unknown: noDetection,
    allowed: 200,
  },
  {
    method: 'DELETE',
    path: '/api/v1/detections/:id',
    scope: 'detect:write',
    ownedBy: detectionOf,
    unknown: noDetection,
    allowed: 204,
  },
  { method: 'POST', path: HOOKS, scope: 'webhooks:manage', allowed: 400 },
  { method: 'GET', path: HOOKS, scope: 'webhooks:manage', allowed: 200 },
  hookRoute('GET', '', 200),
  hookRoute('PATCH', '', 200),
  hookRoute('DELETE', '', 204),
  hookRoute('GET', '/deliveries', 200),
  hookRoute('POST', '/rotate-secret', 200),
  hookRoute('POST', '/replay', 400),
  hookRoute('POST', '/test', 200),
  {
    method: 'POST',
    path: `${HOOKS}/:id/deliveries/:detection/redeliver`,
    scope: 'webhooks:manage',
    ownedBy: async (a) => `${await hookOf()}/deliveries/${await decidedOf(a)}/redeliver`,
    unknown: () => `${noHook()}/deliveries/${newDetectionId(Date.now())}/redeliver`,
    allowed: 202,
  },
  { method: 'GET', path: '/api/v1/capabilities', scope: 'detect:read', allowed: 200 },
  { method: 'GET', path: '/.well-known/jwks.json', scope: null, allowed: 200 },
  { method: 'GET', path: '/', scope: null, allowed: 200 },
  { method: 'GET', path: '/favicon.ico', scope: null, allowed: 200 },
  { method: 'GET', path: '/health', scope: null, allowed: 200 },
  { method: 'GET', path: '/livez', scope: null, allowed: 200 },
  { method: 'GET', path: '/readyz', scope: null, allowed: 200 },
];
const GUARDED = ROUTES.filter(({ scope }) => scope !== null);
const OWNED = ROUTES.filter(({ ownedBy }) => ownedBy !== undefined);
const titleOf = ({ method, path }: Route) => `${method} ${path}`;

/** Asks express itself, so that no list can be forgotten. */
function routesOfApp(): string[] {
  type Layer = { route?: { path: string; stack: { method?: string }[] }; handle: { stack?: unknown } };
  // A route is made without a look at what it will work with.
  const { stack } = createApp({ offer: {}, acceptance: {}, page: '' } as Gateway).router as unknown as {
    stack: Layer[];
  };
  return stack.flatMap(({ route, handle }) => {
    if (handle.stack !== undefined) throw new Error('a mounted router hides its routes from this test');
    if (route === undefined) return [];
    // `.all` has no method: it answers 405.
    const methods = new Set(route.stack.flatMap(({ method }) => (method === undefined ? [] : [method.toUpperCase()])));
    return [...methods].map((method) => `${method} ${route.path}`);
  });
}

let folder: string;
let gateway: RunningGateway;
/** Authorization headers by what they stand for. */
let as: Record<'a' | 'b' | 'revoked' | 'expired' | 'unknown' | Scope, Record<string, string>>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tenants-'));
  const file = join(folder, 'keys.json');
  const make = async (tenant: string, scopes: readonly Scope[], more = '') => {
    const command = `create --tenant ${tenant} --scopes ${scopes.join(',')}${more}`;
    const key = (await runKeysCommand(command.split(' '), file)).split('\n')[0]!;
    return { authorization: `Bearer ${key}` };
  };
  const single = {} as Record<Scope, Record<string, string>>;
  for (const scope of Scope.options) single[scope] = await make('acme', [scope]);
  as = {
    ...single,
    a: await make('acme', Scope.options),
    b: await make('other', Scope.options),
    revoked: await make('acme', Scope.options),
    expired: await make('acme', Scope.options, ' --expires 2020-01-01T00:00:00Z'),
    unknown: await make('acme', Scope.options),
  };
  const records = JSON.parse(await readFile(file, 'utf8')) as ApiKeyRecord[];
  await runKeysCommand(['revoke', records.at(-3)!.id], file);
  const left = (JSON.parse(await readFile(file, 'utf8')) as ApiKeyRecord[]).slice(0, -1);
  await writeFile(file, JSON.stringify(left));
  gateway = await runGateway({ API_KEYS_FILE: file, DETECT_WAIT_MS: '1' });
});
afterAll(async () => {
  await gateway.close();
  await rm(folder, { recursive: true });
});

const ask = (route: Route, path: string, headers: Record<string, string> = {}) =>
  fetch(gateway.url + path, {
    method: route.method,
    headers,
    ...(route.body === undefined ? {} : { body: route.body() }),
  });
/** The answer but for the id of the request. */
const bodyOf = async (response: Response) =>
  (await response.text()).replace(/req_[0-9a-f-]+/, 'req_').replaceAll(/(?:det|whe)_[0-9a-f]{32}/g, 'id');

it('has a row for every route of the app', () => {
  expect(routesOfApp().toSorted()).toEqual(ROUTES.map(titleOf).toSorted());
});

describe.each(GUARDED.map((route) => [titleOf(route), route] as const))('%s', (_title, route) => {
  const pathFor = async () => (await route.ownedBy?.(as.a)) ?? route.path;

  it.each(['none', 'unknown', 'revoked', 'expired'] as const)('answers 401 to a key that is %s', async (which) => {
    const path = await pathFor();
    const response = await ask(route, path, which === 'none' ? {} : as[which]);
    expect([response.status, response.headers.has('www-authenticate')]).toEqual([401, true]);
    // The same to everybody: nothing tells whether the resource is there.
    const other = await ask(route, route.unknown?.() ?? path, which === 'none' ? {} : as[which]);
    expect([other.status, await bodyOf(other)]).toEqual([401, await bodyOf(response)]);
  });

  it.each(Scope.options)('is open to its own scope alone: %s', async (scope) => {
    const response = await ask(route, await pathFor(), as[scope]);
    expect(response.status).toBe(scope === route.scope ? route.allowed : 403);
    if (scope === route.scope) return;
    const told = (await response.json()) as { code: string };
    expect(told.code).toBe('scope_missing');
    // Also for what is not there.
    expect((await ask(route, route.unknown?.() ?? route.path, as[scope])).status).toBe(403);
  });
});

describe.each(OWNED.map((route) => [titleOf(route), route] as const))('%s of another tenant', (_title, route) => {
  it('answers 404, in the very words of what never was, and leaves the resource as it is', async () => {
    const path = await route.ownedBy!(as.a);
    const resource = gateway.url + resourceOf(path);
    const before = await bodyOf(await fetch(resource, { headers: as.a }));
    const [theirs, nobodys] = [await ask(route, path, as.b), await ask(route, route.unknown!(), as.b)];
    expect([theirs.status, nobodys.status]).toEqual([404, 404]);
    expect(await bodyOf(theirs)).toBe(await bodyOf(nobodys));
    const names = (response: Response) => [...response.headers.keys()].toSorted();
    expect(names(theirs)).toEqual(names(nobodys));
    const after = await fetch(resource, { headers: as.a });
    expect([after.status, await bodyOf(after)]).toEqual([200, before]);
  });
});

describe('what another tenant asks', () => {
  it('is not joined and not replayed, though its bytes and its Idempotency-Key are the same', async () => {
    const image = () => formOf(jpegOf(9, 9));
    const key = { 'idempotency-key': 'one-and-the-same' };
    const locationOf = async (path: string, headers: Record<string, string>) => {
      const response = await gateway.post(path, image(), headers);
      expect(response.headers.has('idempotency-replay')).toBe(false);
      return response.headers.get('location');
    };
    for (const [path, more] of [
      ['/api/v1/detect', {}],
      ['/api/v1/detect', key],
      ['/api/v1/detections', { 'idempotency-key': 'another' }],
    ] as const) {
      const [mine, theirs] = [
        await locationOf(path, { ...as.a, ...more }),
        await locationOf(path, { ...as.b, ...more }),
      ];
      expect(mine).toMatch(/^\/api\/v1\/detections\/det_/);
      expect(theirs).toMatch(/^\/api\/v1\/detections\/det_/);
      expect(theirs).not.toBe(mine);
    }
  });

  it('is not in the list, nor behind its cursor', async () => {
    const mine = (await gateway.submit(jpegOf(8, 8), as.a)).id;
    const theirs = (await gateway.submit(jpegOf(8, 8), as.b)).id;
    const listOf = async (headers: Record<string, string>, query = '') =>
      DetectionPage.parse(await (await gateway.get(`/api/v1/detections?limit=1${query}`, headers)).json());
    const page = await listOf(as.a);
    expect(page.data.map(({ id }) => id)).toEqual([mine]);
    const idsOfB: string[] = [];
    for (let cursor: string | null = page.next_cursor, query = ''; ; query = `&cursor=${cursor}`) {
      const next = await listOf(as.b, query);
      idsOfB.push(...next.data.map(({ id }) => id));
      if ((cursor = next.next_cursor) === null) break;
    }
    expect(idsOfB).toContain(theirs);
    for (const id of idsOfB) expect((await gateway.get(`/api/v1/detections/${id}`, as.a)).status).toBe(404);
  });
});
