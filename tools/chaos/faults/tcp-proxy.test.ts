import { afterEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { openTcpProxy, type TcpProxy } from './tcp-proxy.ts';

describe('the proxy between a client and a server', () => {
  const open: { server: Server; proxy: TcpProxy; clients: Socket[] }[] = [];
  afterEach(async () => {
    for (const { server, proxy, clients } of open.splice(0)) {
      for (const client of clients) client.destroy();
      await proxy.close();
      await new Promise((resolve) => server.close(resolve));
    }
  });

  /** A server that says back what it hears, behind a proxy. */
  async function echo() {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.pipe(socket);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const proxy = await openTcpProxy((server.address() as AddressInfo).port);
    const clients: Socket[] = [];
    open.push({ server, proxy, clients });
    const ask = async (client: Socket, text: string) => {
      client.write(text);
      return String((await once(client, 'data'))[0]);
    };
    const newClient = async () => {
      const client = connect(proxy.port, '127.0.0.1');
      clients.push(client);
      await once(client, 'connect');
      return client;
    };
    return { proxy, ask, newClient };
  }

  it('relays', async () => {
    const { ask, newClient } = await echo();
    expect(await ask(await newClient(), 'hello')).toBe('hello');
  });

  it('relays later where it is told so', async () => {
    const { proxy, ask, newClient } = await echo();
    const client = await newClient();
    proxy.delay(60);
    const startMs = performance.now();
    expect(await ask(client, 'hello')).toBe('hello');
    expect(performance.now() - startMs).toBeGreaterThan(110);
  });

  it('leaves the present connections half open: silent, not closed; and new ones work', async () => {
    const { proxy, ask, newClient } = await echo();
    const client = await newClient();
    await ask(client, 'hello');
    let heard = 0;
    client.on('data', () => heard++).on('close', () => heard++);
    proxy.halfOpen();
    client.write('anybody there?');
    expect(await ask(await newClient(), 'hello')).toBe('hello');
    expect(heard).toBe(0);
    expect(client.destroyed).toBe(false);
  });
});
