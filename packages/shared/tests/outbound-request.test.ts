import { afterEach, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createServer as createTcpServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { promisify } from 'node:util';
import { openGuardedDispatcher, type GuardedDispatcherOptions } from '../src/outbound/guarded-dispatcher.ts';
import { guardedGet, guardedPost } from '../src/outbound/guarded-request.ts';
import { makeCertificate } from './outbound-certificate.ts';
import { openReceiver, openStubbedNetwork } from './outbound-network.ts';

const DEVELOPMENT = { allowHttp: true, allowLoopback: true, allowedPorts: 'any' } as const;
const KB = 1_024;
const post = { body: Buffer.from('{"a":1}'), headers: { 'content-type': 'application/json' } };

let open: { close(): Promise<unknown> }[] = [];
const closeLater = <T extends { close(): Promise<unknown> }>(resource: T): T => {
  open.unshift(resource);
  return resource;
};
afterEach(async () => {
  for (const resource of open.splice(0)) await resource.close();
});

const openOutbound = (options: GuardedDispatcherOptions = DEVELOPMENT) => closeLater(openGuardedDispatcher(options));
const receive = async (answer: RequestListener) => {
  const receiver = closeLater(await openReceiver(answer));
  return { ...receiver, url: `http://127.0.0.1:${receiver.port}/hook` };
};
/** A server that speaks whatever `talk` says over TCP. */
const listen = async (server: Server, talk?: (socket: Socket) => void) => {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket.on('error', () => undefined));
    talk?.(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closeLater({
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  });
  return (server.address() as AddressInfo).port;
};

describe('a guarded post', () => {
  it('sends the exact bytes with the headers it was given, and reads the answer', async () => {
    const seen: unknown[] = [];
    const { url } = await receive((incoming, response) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () => {
        const { method, headers } = incoming;
        seen.push(method, headers['content-type'], headers['user-agent'], Buffer.concat(chunks).toString());
        response.writeHead(202, { 'retry-after': '7' }).end('thanks');
      });
    });
    const outcome = await guardedPost(openOutbound(), url, post);
    expect(outcome).toMatchObject({ status: 202, failure: null, retryAfter: '7', bodyStart: 'thanks' });
    expect(outcome.elapsedMs).toBeGreaterThanOrEqual(0);
    expect(seen).toEqual(['POST', 'application/json', 'Touchstone', '{"a":1}']);
  });

  it.each([
    [204, null],
    [404, null],
    [410, null],
    [500, 'http_5xx'],
    [503, 'http_5xx'],
  ])('reports status %i with the failure class %j', async (status, failure) => {
    const { url } = await receive((_, response) => response.writeHead(status).end());
    expect(await guardedPost(openOutbound(), url, post)).toMatchObject({ status, failure });
  });

  it('keeps the first KB of an answer, on a whole character', async () => {
    const { url } = await receive((_, response) => response.end('ä'.repeat(KB) + 'x'));
    const odd = await receive((_, response) => response.end('x' + 'ä'.repeat(KB)));
    const binary = await receive((_, response) => response.end(Buffer.alloc(2 * KB, 0xff)));
    const outbound = openOutbound();
    expect((await guardedPost(outbound, url, post)).bodyStart).toBe('ä'.repeat(512));
    expect((await guardedPost(outbound, odd.url, post)).bodyStart).toBe('x' + 'ä'.repeat(511));
    expect(Buffer.byteLength((await guardedPost(outbound, binary.url, post)).bodyStart)).toBeLessThanOrEqual(KB);
  });

  it('stops at 64 KB of an endless answer and destroys the socket', async () => {
    let socket: Socket | undefined;
    const { url } = await receive((incoming, response) => {
      socket = incoming.socket.on('error', () => undefined);
      const push = () => {
        while (!response.destroyed && response.write(Buffer.alloc(16 * KB, 'x')));
      };
      response.on('drain', push);
      push();
    });
    const outcome = await guardedPost(openOutbound(), url, post);
    expect(outcome).toMatchObject({ status: 200, failure: null, bodyStart: 'x'.repeat(KB) });
    while (socket?.closed !== true) await new Promise((resolve) => setImmediate(resolve));
    // What it wrote in all fits the buffers of the two kernels.
    expect(socket?.bytesWritten).toBeLessThan(20_000 * KB);
  });

  it('takes the status of an answer that dribbles past the deadline, or breaks off', async () => {
    const dribbles = await receive((_, response) => void response.writeHead(200).write('some'));
    const breaksOff = await receive((_, response) => response.writeHead(200).write('some', () => response.destroy()));
    const outbound = openOutbound();
    const outcome = await guardedPost(outbound, dribbles.url, { ...post, deadlineMs: 150 });
    expect(outcome).toMatchObject({ status: 200, failure: null, bodyStart: 'some' });
    expect(await guardedPost(outbound, breaksOff.url, post)).toMatchObject({ status: 200, bodyStart: 'some' });
  });

  it('gives each call a connection of its own', async () => {
    const sockets = new Set<Socket>();
    const { url } = await receive((incoming, response) => {
      sockets.add(incoming.socket);
      response.end();
    });
    const outbound = openOutbound();
    for (let i = 0; i < 3; i++) await guardedPost(outbound, url, post);
    expect(sockets.size).toBe(3);
  });

  it('waits for calls underway before it closes', async () => {
    const arrived = Promise.withResolvers<() => void>();
    const { url } = await receive((_, response) => arrived.resolve(() => response.end('done')));
    const outbound = openOutbound();
    const calling = guardedPost(outbound, url, post);
    const finish = await arrived.promise;
    const closing = outbound.close();
    finish();
    expect((await calling).bodyStart).toBe('done');
    await closing;
    await expect(guardedPost(outbound, url, post)).rejects.toThrow('destroyed');
  });

  it('rejects on headers that cannot be sent, instead of blaming the network', async () => {
    const { url } = await receive((_, response) => response.end());
    const broken = { ...post, headers: { 'x-a': 'b\r\nc: d' } };
    await expect(guardedPost(openOutbound(), url, broken)).rejects.toThrow('invalid x-a header');
  });
});

describe('a guarded get', () => {
  it('gives the whole body, up to its limit', async () => {
    const { url } = await receive((_, response) => response.end(Buffer.alloc(64 * KB, 7)));
    const outbound = openOutbound();
    expect(await guardedGet(outbound, url)).toMatchObject({ status: 200, failure: null, location: null });
    expect((await guardedGet(outbound, url)).body).toEqual(Buffer.alloc(64 * KB, 7));
    const cut = await guardedGet(outbound, url, { maxBytes: 64 * KB - 1 });
    expect(cut).toMatchObject({ status: 200, failure: 'too_large', body: new Uint8Array() });
  });
  it('fails when the body breaks off or is late', async () => {
    const dribbles = await receive((_, response) => void response.writeHead(200).write('some'));
    const breaksOff = await receive((_, response) => response.writeHead(200).write('some', () => response.destroy()));
    const outbound = openOutbound();
    expect(await guardedGet(outbound, dribbles.url, { deadlineMs: 150 })).toMatchObject({ failure: 'timeout' });
    expect(await guardedGet(outbound, breaksOff.url)).toMatchObject({ status: 200, failure: 'connect' });
  });
});

describe('a failed outside call', () => {
  const failureOf = async (url: string, options: GuardedDispatcherOptions = DEVELOPMENT, deadlineMs = 5_000) => {
    const outcome = await guardedPost(openOutbound(options), url, { ...post, deadlineMs });
    expect(outcome.status).toBeNull();
    return outcome.failure;
  };
  const network = async (portFor: () => number | null) => {
    const { server } = await receive((_, response) => response.end());
    const zone = { 'far.example': ['93.184.216.34'] };
    return closeLater(openStubbedNetwork({ zone, reachable: ['93.184.216.34'], portFor, server }));
  };

  it('is dns for a name that does not resolve, or resolves to nothing', async () => {
    expect(await failureOf('http://nothing.invalid/')).toBe('dns');
    expect(await failureOf('http://far.example/', { ...DEVELOPMENT, lookup: (_n, _o, done) => done(null, []) })).toBe(
      'dns',
    );
    expect(await failureOf(`http://${'a'.repeat(64)}.example/`)).toBe('dns');
  });
  it('is connect for a closed port, a reset, silence and other protocols', async () => {
    const resets = await listen(createTcpServer(), (socket) => socket.resetAndDestroy());
    const hangsUp = await listen(createTcpServer(), (socket) => socket.end());
    const speaksRedis = await listen(createTcpServer(), (socket) => socket.end('+PONG\r\n'));
    const closed = await receive((_, response) => response.end());
    await closed.close();
    for (const port of [resets, hangsUp, speaksRedis, closed.port]) {
      expect(await failureOf(`http://127.0.0.1:${port}/`)).toBe('connect');
    }
  });
  it('is timeout when the connection is not made within its limit, or DNS does not answer', async () => {
    const { lookup } = await network(() => null);
    const limited = { ...DEVELOPMENT, connectTimeoutMs: 100 };
    const failures = [
      failureOf('http://far.example/', { ...limited, lookup }),
      failureOf('http://far.example/', { ...limited, lookup: () => {} }),
    ];
    expect(await Promise.all(failures)).toEqual(['timeout', 'timeout']);
  });
  it('is timeout when no answer comes within the deadline', async () => {
    const { url } = await receive(() => {});
    expect(await failureOf(url, DEVELOPMENT, 150)).toBe('timeout');
  });
  it('is too_large for endless headers', async () => {
    const { url } = await receive((_, response) => response.writeHead(200, { 'x-a': 'x'.repeat(20 * KB) }).end());
    expect(await failureOf(url)).toBe('too_large');
  });
  it('is blocked_url or blocked_ip before anything is sent', async () => {
    const { url } = await receive((_, response) => response.end());
    expect(await failureOf(url, {})).toBe('blocked_url');
    expect(await failureOf(url, { ...DEVELOPMENT, allowLoopback: false })).toBe('blocked_ip');
    expect(await failureOf('not a url', DEVELOPMENT)).toBe('blocked_url');
  });

  it('is tls for whoever is not who the name says', async () => {
    const trusted = makeCertificate(['far.example']);
    setDefaultCACertificates([...getCACertificates(), trusted.cert]);
    const serve = (certificate: { key: string; cert: string }) =>
      listen(createHttpsServer(certificate, (_, response) => response.end('secret handshake')));
    const [good, unknown, plain] = [
      await serve(trusted),
      await serve(makeCertificate(['far.example'])),
      await listen(createTcpServer(), (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')),
    ];
    const at = async (name: string, port: number) => {
      const options: GuardedDispatcherOptions = {
        ...DEVELOPMENT,
        lookup: (_n, _o, done) => done(null, [{ address: '127.0.0.1', family: 4 }]),
      };
      return guardedPost(openOutbound(options), `https://${name}:${port}/`, post);
    };
    expect(await at('far.example', good)).toMatchObject({ status: 200, bodyStart: 'secret handshake' });
    expect(await at('far.example', unknown)).toMatchObject({ status: null, failure: 'tls' });
    expect(await at('other.example', good)).toMatchObject({ status: null, failure: 'tls' });
    expect(await at('far.example', plain)).toMatchObject({ status: null, failure: 'tls' });
  });
});

it('goes past the proxies of the environment', async () => {
  const calls: string[] = [];
  const proxy = await receive((incoming, response) => {
    calls.push(`proxy ${incoming.url}`);
    response.end();
  });
  const target = await receive((_, response) => {
    calls.push('target');
    response.end();
  });
  const source = (name: string) => new URL(`../src/outbound/${name}.ts`, import.meta.url).href;
  const script = `
    const { openGuardedDispatcher } = await import(${JSON.stringify(source('guarded-dispatcher'))});
    const { guardedGet } = await import(${JSON.stringify(source('guarded-request'))});
    const outbound = openGuardedDispatcher(${JSON.stringify(DEVELOPMENT)});
    const { status } = await guardedGet(outbound, ${JSON.stringify(target.url)});
    await outbound.close();
    (await import('node:http')).get('http://control.invalid/', (answer) => {
      process.stdout.write(status + ' ' + answer.resume().statusCode);
    });`;
  const proxyUrl = proxy.url.replace('/hook', '');
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
    env: { NODE_USE_ENV_PROXY: '1', HTTP_PROXY: proxyUrl, HTTPS_PROXY: proxyUrl, http_proxy: proxyUrl },
    timeout: 15_000,
  });
  // The control call of the same process shows that the proxy was in force.
  expect(stdout).toBe('200 200');
  expect(calls).toEqual(['target', 'proxy http://control.invalid/']);
});
