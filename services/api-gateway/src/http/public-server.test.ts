import { afterEach, describe, expect, it } from '@jest/globals';
import { connect } from 'node:net';
import { Problem } from '@touchstone/shared/contracts/failure';
import { openPublicServer, type PublicServer } from './public-server.ts';

const timeouts = { headersTimeout: 200, requestTimeout: 300, connectionsCheckingInterval: 50 };

describe('a request that does not come to its end', () => {
  let server: PublicServer;
  afterEach(() => server.close());

  it.each([
    ['without a byte', '', ''],
    ['within its head', 'POST / HTTP/1.1\r\nHost: a\r\nX-Slow: ', 'x'],
    ['within its body', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n', 'x'],
  ])('%s is answered 408, and its connection closed though the client goes on', async (_name, start, drop) => {
    let open = 0;
    server = await openPublicServer(
      (request) => {
        open++;
        request.once('close', () => open--).resume();
      },
      { port: 0, host: '127.0.0.1', timeouts },
    );
    // Node's own sockets end when the other side does; this one is a client that does not care.
    const socket = connect({ port: Number(new URL(server.url).port), host: '127.0.0.1', allowHalfOpen: true });
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
    });
    socket.on('error', () => undefined);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.write(start);
    const drip = setInterval(() => socket.write(text === '' ? drop : 'x'), 20).unref();
    await closed.finally(() => clearInterval(drip));
    expect(text).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/);
    const problem = Problem.parse(JSON.parse(text.slice(text.indexOf('\r\n\r\n') + 4)));
    expect(problem).toMatchObject({ status: 408, code: 'request_timeout' });
    expect(open).toBe(0);
  });
});
