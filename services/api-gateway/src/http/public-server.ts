import type { RequestListener } from 'node:http';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { originFormOf } from '../core/request-target.ts';
import { refuseConnection, refuseRequest } from './refuse-early.ts';

export type PublicServer = {
  url: string;
  /** Takes no more connections, lets requests finish for a while and then ends what is left. */
  close(): Promise<void>;
};

/** reliability.md U11. Keep-alive outlasts the 60 s of the usual load balancer, or it would use closed connections. */
const SERVER_OPTIONS = {
  headersTimeout: 10_000,
  requestTimeout: 60_000,
  connectionsCheckingInterval: 1_000,
  keepAliveTimeout: 65_000,
  maxHeaderSize: 8_192,
  // Our own check answers with a problem.
  requireHostHeader: false,
};
const CLOSE_LIMIT_MS = 10_000;
/** How long a client whose connection was refused has to read why. */
const LINGER_MS = 1_000;

export type ServerTimeouts = Pick<
  typeof SERVER_OPTIONS,
  'headersTimeout' | 'requestTimeout' | 'connectionsCheckingInterval'
>;

/** Without a host it listens on all interfaces, in both families where there is IPv6. Port 0 takes a free one. */
export async function openPublicServer(
  handle: RequestListener,
  options: { port: number; host: string | undefined; timeouts?: ServerTimeouts },
): Promise<PublicServer> {
  let isClosing = false;
  const listener: RequestListener = (request, response) => {
    // A connection that lives on would hold up the end.
    if (isClosing) response.setHeader('Connection', 'close');
    response.once('close', () => {
      if (isClosing) server.closeIdleConnections();
    });
    const target = originFormOf(request.url ?? '');
    if (target === null) {
      refuseRequest(response, 'malformed_request', 'The address of the request cannot be read.');
      return;
    }
    request.url = target;
    handle(request, response);
  };
  const server = createServer({ ...SERVER_OPTIONS, ...options.timeouts }, listener);
  // Whether to go on is decided where the body is read: a refusal before that saves the client its upload.
  server.on('checkContinue', listener);
  server.on('checkExpectation', (_request, response) => {
    refuseRequest(response, 'expectation_failed', 'The only expectation that is understood is `100-continue`.');
  });
  server.on('clientError', (error, socket) => refuseConnection(error, socket, LINGER_MS));
  server.listen({ port: options.port, ...(options.host === undefined ? {} : { host: options.host }) });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${urlHost(options.host)}:${port}`,
    async close() {
      isClosing = true;
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeIdleConnections();
      const timer = setTimeout(() => server.closeAllConnections(), CLOSE_LIMIT_MS);
      await closed;
      clearTimeout(timer);
    },
  };
}

function urlHost(host: string | undefined): string {
  if (host === undefined || host === '::' || host === '0.0.0.0') return 'localhost';
  return host.includes(':') ? `[${host}]` : host;
}
