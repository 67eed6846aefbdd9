import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** Stands between a client and a server on this machine, and breaks what is between them. */
export type TcpProxy = {
  port: number;
  /** Bytes arrive so much later, each way. */
  delay(ms: number): void;
  /** The present connections swallow everything and are never closed; new ones work. */
  halfOpen(): void;
  close(): Promise<void>;
};

type Pair = { client: Socket; upstream: Socket; isDead: boolean };

/** `to`: a port on loopback, or the path of a socket. */
export async function openTcpProxy(to: number | string): Promise<TcpProxy> {
  const pairs = new Set<Pair>();
  let delayMs = 0;
  const server = createServer((client) => {
    const upstream = typeof to === 'number' ? connect(to, '127.0.0.1') : connect(to);
    const pair: Pair = { client, upstream, isDead: false };
    pairs.add(pair);
    const relay = (from: Socket, into: Socket) => {
      from.on('data', (data) => {
        const send = () => void (!pair.isDead && into.writable && into.write(data));
        if (delayMs > 0) setTimeout(send, delayMs);
        else send();
      });
      from.on('error', () => undefined);
      from.on('close', () => {
        // A dead pair is silent: neither side may learn that the other has gone.
        if (pair.isDead && from === upstream) return;
        pairs.delete(pair);
        into.destroy();
      });
    };
    relay(client, upstream);
    relay(upstream, client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    delay: (ms) => void (delayMs = ms),
    halfOpen() {
      for (const pair of pairs) pair.isDead = true;
    },
    async close() {
      for (const { client, upstream } of pairs) {
        client.destroy();
        upstream.destroy();
      }
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
