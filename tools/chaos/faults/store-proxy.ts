import { once } from 'node:events';
import { Agent, createServer, request as ask, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What becomes of one request to the store. */
export type StoreFault =
  | 'none'
  /** Two seconds later. */
  | 'late'
  /** 503 SlowDown, without asking the server. */
  | 'slow-down'
  /** 409 ConditionalRequestConflict to a create, without asking the server. */
  | 'conflict'
  /** The server is asked, and its answer never arrives. */
  | 'lost-answer';

export type StoreProxy = {
  url: string;
  counts: Record<StoreFault, number>;
  close(): Promise<void>;
};

const LATE_MS = 2_000;

/** Stands before an S3 server. Signatures stay good, because the services sign for the address of the proxy. */
export async function openStoreProxy(
  endpoint: string,
  decide: (method: string, path: string) => StoreFault,
): Promise<StoreProxy> {
  const target = new URL(endpoint);
  const agent = new Agent({ keepAlive: true, maxSockets: 256 });
  const counts: Record<StoreFault, number> = { none: 0, late: 0, 'slow-down': 0, conflict: 0, 'lost-answer': 0 };

  const refuse = (response: ServerResponse, status: number, code: string) => {
    const body = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>by the chaos suite</Message></Error>`;
    response.writeHead(status, { 'content-type': 'application/xml' }).end(body);
  };
  const relay = (incoming: IncomingMessage, response: ServerResponse, losesAnswer: boolean) => {
    const { method, url: path, headers } = incoming;
    const upstream = ask(
      { host: target.hostname, port: target.port, method, path, headers, agent, setHost: false },
      (answer) => {
        if (losesAnswer) {
          answer.resume();
          answer.on('end', () => response.destroy());
          return;
        }
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
        answer.on('error', () => response.destroy());
      },
    );
    upstream.on('error', () => response.destroy());
    response.on('close', () => !response.writableFinished && !losesAnswer && upstream.destroy());
    incoming.on('error', () => upstream.destroy());
    incoming.pipe(upstream);
  };
  const server = createServer((incoming, response) => {
    const method = incoming.method ?? 'GET';
    const isCreate = method === 'PUT' && incoming.headers['if-none-match'] === '*';
    const decided = decide(method, incoming.url ?? '/');
    const fault = decided === 'conflict' && !isCreate ? 'none' : decided;
    counts[fault]++;
    switch (fault) {
      case 'none':
        return relay(incoming, response, false);
      case 'late':
        return void setTimeout(() => relay(incoming, response, false), LATE_MS);
      case 'slow-down':
        incoming.resume();
        return refuse(response, 503, 'SlowDown');
      case 'conflict':
        incoming.resume();
        return refuse(response, 409, 'ConditionalRequestConflict');
      case 'lost-answer':
        return relay(incoming, response, true);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    counts,
    async close() {
      server.closeAllConnections();
      agent.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
