import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname } from 'node:os';
import type { Registry } from 'prom-client';

/** Answers for the process itself, apart from the public door: liveness, readiness, metrics. */
export type ProcessServer = { url: string; close(): Promise<void> };

/** Port 0 takes a free one. Listens on loopback unless told otherwise: metrics are for operators. */
export async function openProcessServer(options: {
  port: number;
  host: string;
  registry: Registry;
  isReady(): Promise<boolean>;
}): Promise<ProcessServer> {
  const server = createServer((request, response) => {
    void answer(request.url ?? '/').then(
      ({ status, type, body }) => response.writeHead(status, { 'content-type': type }).end(body),
      () => response.writeHead(500).end(),
    );
  });
  const text = 'text/plain; charset=utf-8';
  const answer = async (url: string): Promise<{ status: number; type: string; body: string }> => {
    switch (url) {
      case '/livez':
        return { status: 200, type: text, body: 'ok\n' };
      case '/readyz': {
        const ready = await options.isReady();
        return { status: ready ? 200 : 503, type: text, body: ready ? 'ready\n' : 'not ready\n' };
      }
      case '/metrics':
        return { status: 200, type: options.registry.contentType, body: await options.registry.metrics() };
      default:
        return { status: 404, type: text, body: 'try /livez, /readyz or /metrics\n' };
    }
  };
  server.listen(options.port, options.host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  // Who listens everywhere is reached by the name of the machine.
  const host = ['0.0.0.0', '::'].includes(options.host) ? hostname() : options.host;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
