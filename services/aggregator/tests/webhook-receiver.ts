import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Received = { headers: IncomingHttpHeaders; body: string };
type Answer = (response: ServerResponse) => void;

/** A receiver of webhooks on this machine, over real HTTP. It answers 204 unless told otherwise. */
export async function openReceiver() {
  const received: Received[] = [];
  const watchers = new Set<() => void>();
  let answer: Answer = (response) => void response.writeHead(204).end();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      received.push({ headers: request.headers, body: Buffer.concat(chunks).toString() });
      answer(response);
      for (const watch of watchers) watch();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    received,
    answerWith(status: number, headers: Record<string, string> = {}) {
      answer = (response) => void response.writeHead(status, headers).end('what the receiver says');
    },
    /** Takes messages and answers none of them until the returned function is called. */
    hang(): () => void {
      const held: ServerResponse[] = [];
      answer = (response) => void held.push(response);
      return () => {
        for (const response of held) response.writeHead(204).end();
      };
    },
    /** Resolves once so many messages have arrived. */
    async has(count: number) {
      while (received.length < count) await new Promise<void>((resolve) => watchers.add(resolve));
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
export type TestReceiver = Awaited<ReturnType<typeof openReceiver>>;
