import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Received = { headers: IncomingHttpHeaders; body: Buffer; json: Message };
type Message = { type: string; timestamp: string; data: Record<string, string> };
type Answer = (received: Received, response: ServerResponse) => void;

/** Answers a challenge as it must, and takes everything else. */
export const echo: Answer = ({ json }, response) => {
  response.writeHead(200).end(JSON.stringify({ challenge: json.data['challenge'] }));
};

/** A receiver of webhooks on this machine, over real HTTP; `answer` may be changed at any time. */
export async function openReceiver() {
  const received: Received[] = [];
  const state = { answer: echo };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      const one = { headers: request.headers, body, json: JSON.parse(body.toString()) as Message };
      received.push(one);
      state.answer(one, response);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  return {
    url,
    received,
    answerWith(answer: Answer) {
      state.answer = answer;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
export type Receiver = Awaited<ReturnType<typeof openReceiver>>;
