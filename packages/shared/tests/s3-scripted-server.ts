import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

export type ScriptedRequest = { method: string; url: string; headers: IncomingHttpHeaders; body: Buffer };

/** What the server does with one request whose body it has read. */
export type Step = (response: ServerResponse, request: ScriptedRequest) => void;

export type ScriptedServer = {
  endpoint: string;
  requests: ScriptedRequest[];
  /** Resolves when so many requests have come in. */
  received(count: number): Promise<void>;
  close(): Promise<void>;
};

/** Takes one step per request, in order; a request without a step is answered with 400 `UnexpectedRequest`. */
export async function openScriptedServer(steps: Step[]): Promise<ScriptedServer> {
  const requests: ScriptedRequest[] = [];
  const waiting: { count: number; resolve: () => void }[] = [];
  const server = createServer((incoming, response) => {
    const { method = '', url = '', headers } = incoming;
    void buffer(incoming).then(
      (body) => {
        const request = { method, url, headers, body };
        const step = steps[requests.length] ?? answer(400, 'UnexpectedRequest');
        requests.push(request);
        step(response, request);
        for (const { count, resolve } of waiting) if (requests.length >= count) resolve();
      },
      // The client gave up while it sent: nothing to answer.
      () => {},
    );
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    received: (count) =>
      requests.length >= count
        ? Promise.resolve()
        : new Promise((resolve) => {
            waiting.push({ count, resolve });
          }),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** An answer of S3; with a code it is an error document. */
export const answer =
  (status: number, code?: string, headers: Record<string, string> = {}): Step =>
  (response) => {
    const text = code === undefined ? '' : `<Error><Code>${code}</Code><Message>AKIDSECRET</Message></Error>`;
    response.writeHead(status, { 'x-amz-request-id': 'req-1', ...headers }).end(text);
  };

/** Never answers. */
export const hang: Step = () => {};

/** Ends the connection instead of answering. */
export const cut: Step = (response) => {
  response.socket?.destroy();
};
