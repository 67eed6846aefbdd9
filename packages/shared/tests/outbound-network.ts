import type { LookupAddress } from 'node:dns';
import { once } from 'node:events';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import type { LookupAll } from '../src/outbound/guarded-dispatcher.ts';

/** What a name resolves to: the answer to its n-th lookup (from 1), or the same each time. */
export type Zone = Record<string, string[] | ((lookupNumber: number) => string[])>;

export type StubbedNetwork = {
  lookup: LookupAll;
  /** Every address that a socket tried to connect to, in order. */
  attempts: string[];
  close(): Promise<void>;
};

type Connect = (this: object, request: unknown, address: string, port: number) => number;
type TcpPrototype = { connect: Connect; connect6: Connect };
const ECONNREFUSED = -111;

/**
 * A network without an outside: names resolve by `zone`, and the TCP handle below every socket of this process is
 * watched. Connects to `reachable` addresses end at a local server (`portFor` picks it), all others are refused; `null`
 * from `portFor` leaves a connect unanswered for ever.
 */
export function openStubbedNetwork(options: {
  zone: Zone;
  reachable: readonly string[];
  portFor(address: string, port: number): number | null;
  /** Any listening server: it lends the class of TCP handles. */
  server: Server;
}): StubbedNetwork {
  const attempts: string[] = [];
  const asked = new Map<string, number>();
  const handle = (options.server as unknown as { _handle: object })._handle;
  const tcp = Object.getPrototypeOf(handle) as TcpPrototype;
  const real = { connect: tcp.connect, connect6: tcp.connect6 };
  tcp.connect = tcp.connect6 = function (request, address, port) {
    attempts.push(address);
    if (!options.reachable.includes(address)) return ECONNREFUSED;
    const localPort = options.portFor(address, port);
    return localPort === null ? 0 : real.connect.call(this, request, '127.0.0.1', localPort);
  };
  return {
    attempts,
    lookup(hostname, _options, done) {
      const name = hostname.toLowerCase();
      const lookupNumber = (asked.get(name) ?? 0) + 1;
      asked.set(name, lookupNumber);
      const entry = options.zone[name];
      const found = typeof entry === 'function' ? entry(lookupNumber) : entry;
      const addresses = found?.map((address): LookupAddress => ({ address, family: address.includes(':') ? 6 : 4 }));
      setImmediate(() => {
        if (addresses !== undefined) return done(null, addresses);
        done(Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND', syscall: 'getaddrinfo' }), []);
      });
    },
    close: async () => void Object.assign(tcp, real),
  };
}

/** A local HTTP server on a free port. */
export async function openReceiver(
  answer: RequestListener,
): Promise<{ server: Server; port: number; close(): Promise<void> }> {
  const server = createHttpServer(answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    server,
    port: (server.address() as AddressInfo).port,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
