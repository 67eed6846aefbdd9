import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JudgeAnswer } from '@touchstone/shared/contracts/judgement';

/** What a client asked, as far as these tests look at it. */
export type ReceivedCall = {
  path: string;
  authorization: string | undefined;
  body: {
    model: string;
    max_completion_tokens: number;
    messages: [
      { role: 'system'; content: string },
      { role: 'user'; content: ({ type: 'text'; text: string } | { type: 'image_url'; image_url: { url: string } })[] },
    ];
    response_format: { type: string; json_schema: { strict: boolean; schema: Record<string, unknown> } };
  };
};

export type Reply = (response: ServerResponse, call: ReceivedCall) => void;

/** A real HTTP server that speaks chat completions and says what the script says, then `last` for ever. */
export type JudgeServer = {
  /** What `OPENAI_BASE_URL` is set to. */
  url: string;
  calls: ReceivedCall[];
  /** Replies of the next calls. */
  script(...replies: Reply[]): void;
  /** Reply of every call after those. */
  always(reply: Reply): void;
  /** Resolves when so many calls have been received in all. */
  received(count: number): Promise<void>;
  close(): Promise<void>;
};

export const USAGE = { prompt_tokens: 1_365, completion_tokens: 250, total_tokens: 1_615 };

export function answerOf(more: Partial<JudgeAnswer> = {}): JudgeAnswer {
  return {
    artifacts: [
      { region: 'left hand', box: [0.1, 0.2, 0.3, 0.4], kind: 'anatomy', severity: 'high', evidence: 'six fingers' },
      { region: 'all', box: null, kind: 'texture', severity: 'low', evidence: 'waxy skin' },
    ],
    image_type: 'photo',
    applicability: { faces: 1, text_overlay: 0, artwork: false, screenshot: false },
    quality_limits: ['compression'],
    contains_instructions: false,
    fake_probability: 0.9,
    verdict: 'manipulated',
    ...more,
  };
}

const send = (response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}) => {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
};

const completion = (message: object, finishReason = 'stop') => ({
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model: 'judge-test-2026',
  system_fingerprint: 'fp_test',
  choices: [{ index: 0, finish_reason: finishReason, logprobs: null, message: { role: 'assistant', ...message } }],
  usage: USAGE,
});

/** The text of an answer, whatever it is. */
export const says =
  (content: string, finishReason?: string): Reply =>
  (response) =>
    send(response, 200, completion({ content, refusal: null }, finishReason));
export const answers = (more: Partial<JudgeAnswer> = {}) => says(JSON.stringify(answerOf(more)));
export const refuses: Reply = (response) =>
  send(response, 200, completion({ content: null, refusal: 'I cannot help with that.' }));
export const truncates = says(JSON.stringify(answerOf()).slice(0, 100), 'length');
export const rambles = says(`Sure! Here is my judgement:\n${JSON.stringify(answerOf())}\nHope that helps.`);
export const failsWith =
  (status: number, error: Record<string, unknown> = {}, headers: Record<string, string> = {}): Reply =>
  (response) =>
    send(response, status, { error: { message: 'no', type: 'error', param: null, code: null, ...error } }, headers);
export const runsOutOfQuota = failsWith(429, { code: 'insufficient_quota', type: 'insufficient_quota' });
/** Never answers. */
export const hangs: Reply = () => undefined;
/** Sends its headers, and then a space now and then for ever. */
export const drips: Reply = (response) => {
  response.writeHead(200, { 'content-type': 'application/json' });
  const timer = setInterval(() => response.write(' '), 50);
  response.once('close', () => clearInterval(timer));
};
export const redirectsTo =
  (address: string): Reply =>
  (response) =>
    response.writeHead(307, { location: address }).end();

async function readBody(request: IncomingMessage): Promise<ReceivedCall['body']> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return JSON.parse(Buffer.concat(parts).toString()) as ReceivedCall['body'];
}

export async function openJudgeServer(): Promise<JudgeServer> {
  const calls: ReceivedCall[] = [];
  const scripted: Reply[] = [];
  const waiting = new Set<() => void>();
  let last = answers();
  const server = createServer((request, response) => {
    void readBody(request).then((body) => {
      const call = { path: request.url ?? '', authorization: request.headers.authorization, body };
      calls.push(call);
      for (const look of waiting) look();
      (scripted.shift() ?? last)(response, call);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/v1`,
    calls,
    script: (...replies) => void scripted.push(...replies),
    always: (reply) => void (last = reply),
    received: (count) =>
      new Promise((resolve) => {
        const look = () => {
          if (calls.length < count) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
