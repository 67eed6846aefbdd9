import type { RequestListener } from 'node:http';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { randomUUID } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { hasErrorCode } from '@touchstone/shared/process/error-code';
import { problemOf } from './problem-handler.ts';

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

/** Without a host it listens on all interfaces, in both families where there is IPv6. Port 0 takes a free one. */
export async function openPublicServer(
  handle: RequestListener,
  options: { port: number; host: string | undefined },
): Promise<PublicServer> {
  let isClosing = false;
  const listener: RequestListener = (request, response) => {
    // A connection that lives on would hold up the end.
    if (isClosing) response.setHeader('Connection', 'close');
    response.once('close', () => {
      if (isClosing) server.closeIdleConnections();
    });
    handle(request, response);
  };
  const server = createServer(SERVER_OPTIONS, listener);
  // Whether to go on is decided where the body is read: a refusal before that saves the client its upload.
  server.on('checkContinue', listener);
  server.on('clientError', refuseUnreadable);
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

/** What cannot be parsed as HTTP never reaches the routes; it gets a problem all the same. */
function refuseUnreadable(error: Error, socket: Duplex): void {
  if (!socket.writable || hasErrorCode(error, 'ECONNRESET')) {
    socket.destroy();
    return;
  }
  const [status, detail] = hasErrorCode(error, 'HPE_HEADER_OVERFLOW')
    ? ['431 Request Header Fields Too Large', 'The headers of the request are too large.']
    : hasErrorCode(error, 'ERR_HTTP_REQUEST_TIMEOUT')
      ? ['408 Request Timeout', 'The request took too long to arrive.']
      : ['400 Bad Request', 'The request is not valid HTTP.'];
  const problem = problemOf('malformed_request', detail!, `req_${randomUUID()}`);
  const body = JSON.stringify({ ...problem, status: Number(status!.slice(0, 3)) });
  const head = [
    `HTTP/1.1 ${status}`,
    'Connection: close',
    'Content-Type: application/problem+json; charset=utf-8',
    'X-Content-Type-Options: nosniff',
    `X-Request-Id: ${problem.request_id}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}
