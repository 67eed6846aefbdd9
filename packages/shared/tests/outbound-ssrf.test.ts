import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Agent, request } from 'undici';
import { openGuardedDispatcher, type GuardedDispatcher } from '../src/outbound/guarded-dispatcher.ts';
import { guardedGet, guardedPost } from '../src/outbound/guarded-request.ts';
import { DENIED_RANGES, isPublic, spell } from './outbound-address-oracle.ts';
import { openReceiver, openStubbedNetwork, type StubbedNetwork } from './outbound-network.ts';
import {
  benignZone,
  hostileLiterals,
  hostileUrls,
  hostileZone,
  PUBLIC,
  REDIRECT_STATUSES,
  rebindingZone,
  redirectTargets,
} from './outbound-ssrf-cases.ts';

const zone = { ...hostileZone, ...rebindingZone, ...benignZone };
const post = { body: Buffer.from('{}'), headers: {}, deadlineMs: 5_000 };

/** The guard alone has to hold: schemes and ports are as open as options can make them. */
describe('outside calls on a network that is all traps', () => {
  let receiver: Awaited<ReturnType<typeof openReceiver>>;
  let network: StubbedNetwork;
  let outbound: GuardedDispatcher;
  const reached = () => network.attempts.splice(0);

  beforeAll(async () => {
    receiver = await openReceiver((incoming, response) => {
      const redirect = /^\/(\d+)\/(.+)$/.exec(incoming.url ?? '');
      if (redirect === null) response.end('public');
      else response.writeHead(Number(redirect[1]), { location: decodeURIComponent(redirect[2] ?? '') }).end();
    });
    network = openStubbedNetwork({ zone, reachable: PUBLIC, portFor: () => receiver.port, server: receiver.server });
    outbound = openGuardedDispatcher({ allowHttp: true, allowedPorts: 'any', lookup: network.lookup });
  });
  beforeEach(() => void reached());
  afterAll(async () => {
    await outbound.close();
    await network.close();
    await receiver.close();
  });

  it('are tried with more than 120 hostile destinations', () => {
    const cases = [hostileLiterals, hostileUrls, Object.keys({ ...hostileZone, ...rebindingZone }), redirectTargets];
    expect(cases.flat().length).toBeGreaterThan(120);
  });

  it('would fall into the traps without the guard', async () => {
    const unguarded = new Agent({
      connect: { lookup: (name, options, done) => network.lookup(name, { ...options, all: true }, done) },
    });
    const hosts = ['2130706433', '[::1]', 'localhost', 'v4-6.evil.example', 'first.evil.example'];
    await Promise.allSettled(hosts.map((host) => request(`http://${host}/`, { dispatcher: unguarded })));
    await unguarded.close();
    expect(reached()).toEqual(expect.arrayContaining(['127.0.0.1', '::1', '169.254.170.2', '169.254.169.254']));
  });

  it.each(hostileLiterals)('never reach the literal %s', async (host) => {
    for (const scheme of ['http', 'https']) {
      const outcome = await guardedPost(outbound, `${scheme}://${host}/`, post);
      expect(outcome).toMatchObject({ status: null, failure: 'blocked_ip', bodyStart: '' });
    }
    expect(reached()).toEqual([]);
  });

  it.each(hostileLiterals)('never reach the literal %s, even when only the dispatcher is used', async (host) => {
    const url = new URL(`http://${host}/`);
    await expect(request(url, { dispatcher: outbound.dispatcher })).rejects.toThrow('not one that may be called');
    expect(reached()).toEqual([]);
  });

  it.each(hostileUrls)('never reach a hidden host: %j', async (url) => {
    const outcome = await guardedPost(outbound, url, post);
    expect(['blocked_ip', 'blocked_url', 'dns']).toContain(outcome.failure);
    expect(reached()).toEqual([]);
  });

  it.each(Object.keys(hostileZone))('never reach a record of %s', async (name) => {
    for (const scheme of ['http', 'https']) {
      expect((await guardedPost(outbound, `${scheme}://${name}/`, post)).failure).toBe('blocked_ip');
    }
    expect(reached()).toEqual([]);
  });

  it.each(Object.keys(rebindingZone))('are not fooled by the rebinding of %s', async (name) => {
    const failures: (string | null)[] = [];
    for (let i = 0; i < 12; i++) failures.push((await guardedPost(outbound, `http://${name}/`, post)).failure);
    const refused = failures.filter((failure) => failure === 'blocked_ip').length;
    expect(refused).toBeGreaterThan(0);
    // One lookup per call, and what it gave is what was connected to.
    const connects = reached();
    expect(connects).toHaveLength(12 - refused);
    expect(connects.filter((address) => !(PUBLIC as readonly string[]).includes(address))).toEqual([]);
  });

  it.each(redirectTargets)('do not follow a redirect to %s', async (target) => {
    for (const status of REDIRECT_STATUSES) {
      const url = `http://ok.example/${status}/${encodeURIComponent(target)}`;
      expect(await guardedPost(outbound, url, post)).toMatchObject({ status, failure: null });
      expect(await guardedGet(outbound, url)).toMatchObject({ status, failure: null, location: target });
    }
    expect(new Set(reached())).toEqual(new Set([PUBLIC[0]]));
  });

  it('reach no address of a random record set that holds a denied one', async () => {
    const seed = 20_261_125;
    const address = fc.oneof(
      fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }).map((value) => ({ family: 4 as const, value })),
      fc.bigInt({ min: 2n ** 125n, max: 2n ** 126n - 1n }).map((value) => ({ family: 6 as const, value })),
      fc.constantFrom(...DENIED_RANGES).map(({ family, base }) => ({ family, value: base })),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(address, { minLength: 1, maxLength: 4 }), async (records) => {
        zone['random.example'] = records.map(spell);
        const { failure } = await guardedPost(outbound, 'http://random.example/', post);
        const tried = reached();
        // A set of public records is tried, and refused by the test network.
        const mayConnect = records.every(isPublic);
        expect([failure === 'blocked_ip', tried.length > 0]).toEqual([!mayConnect, mayConnect]);
      }),
      { seed, numRuns: 500 },
    );
  });

  it.each([
    'http://ok.example/',
    'http://OK.example:8080/x?y=http://127.0.0.1/#z',
    'http://ok.example\\@127.0.0.1/',
    'http://six.example/',
    'http://both.example/',
    `http://${PUBLIC[0]}/`,
    `http://[${PUBLIC[1]}]/`,
    `http://[::ffff:${PUBLIC[0]}]/`,
  ])('reach the public %s', async (url) => {
    const mapped = url.includes('ffff');
    const outcome = await guardedPost(outbound, url, post);
    // The mapped literal passes the guard; the test network has no such address.
    expect(outcome).toMatchObject(
      mapped ? { failure: 'connect' } : { status: 200, failure: null, bodyStart: 'public' },
    );
    expect(reached()).toHaveLength(1);
  });

  it('keep no pool of an origin that they have left', async () => {
    const hosts = Array.from({ length: 50 }, (_, i) => `http://ok.example:${8_000 + i}/`);
    await Promise.all(hosts.map((url) => guardedPost(outbound, url, post)));
    while (Object.keys((outbound.dispatcher as Agent).stats).length > 0) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(reached()).toHaveLength(50);
  });
});
