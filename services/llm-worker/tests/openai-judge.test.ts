import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { loadPrompt } from '../src/adapters/load-prompt.ts';
import { createOpenAiJudge } from '../src/adapters/openai-judge.ts';
import type { CallResult } from '../src/core/call-result.ts';
import {
  answers,
  drips,
  failsWith,
  hangs,
  openJudgeServer,
  rambles,
  redirectsTo,
  refuses,
  runsOutOfQuota,
  truncates,
  type JudgeServer,
  type Reply,
} from './support/judge-server.ts';

const prompt = await loadPrompt();

/** The left half of llm-and-fusion.md A4 with the SDK in use: what a client gives for what a server does. */
describe('the client gives', () => {
  let server: JudgeServer;
  beforeEach(async () => {
    server = await openJudgeServer();
  });
  afterEach(() => server.close());

  const ask = async (reply: Reply, limitMs = 10_000, baseUrl = server.url): Promise<CallResult> => {
    server.always(reply);
    const judge = createOpenAiJudge({ apiKey: 'sk-test', baseUrl, model: 'judge-test', prompt, timeoutMs: 10_000 });
    const pictures = [Buffer.from('jpeg')];
    return judge({ manner: 'first', pictures, maxOutputTokens: 100 }, AbortSignal.timeout(limitMs));
  };

  it.each([
    ['an answer', answers(), { kind: 'completion', end: 'stop', tokens: { in: 1_365, out: 250 } }],
    [
      'the room that is left',
      (response, call) => {
        response.setHeader('x-ratelimit-remaining-requests', '3').setHeader('x-ratelimit-reset-requests', '6s');
        answers()(response, call);
      },
      { kind: 'completion', room: { calls: 3, resetMs: 6_000 } },
    ],
    ['a refusal', refuses, { kind: 'completion', end: 'refusal' }],
    ['a truncated answer', truncates, { kind: 'completion', end: 'length' }],
    ['prose', rambles, { kind: 'completion', end: 'stop', text: expect.stringContaining('Sure!') }],
    ['a 429 with seconds', failsWith(429, {}, { 'retry-after': '7' }), { kind: 'rate_limited', retryAfterMs: 7_000 }],
    ['a 429 with ms', failsWith(429, {}, { 'retry-after-ms': '40' }), { kind: 'rate_limited', retryAfterMs: 40 }],
    ['a 429 without a time', failsWith(429), { kind: 'rate_limited', retryAfterMs: null }],
    ['a spent quota', runsOutOfQuota, { kind: 'quota_spent' }],
    ['a 401', failsWith(401), { kind: 'not_allowed' }],
    ['a 403', failsWith(403), { kind: 'not_allowed' }],
    ['a 404', failsWith(404), { kind: 'not_allowed' }],
    ['a 400', failsWith(400), { kind: 'rejected' }],
    ['a 408', failsWith(408), { kind: 'server_error' }],
    ['a 409', failsWith(409), { kind: 'server_error' }],
    ['a 500', failsWith(500), { kind: 'server_error' }],
    ['a 503 that asks for a retry', failsWith(503, {}, { 'x-should-retry': 'true' }), { kind: 'server_error' }],
    ['a reset connection', (response) => response.destroy(), { kind: 'unreachable', wasSent: true }],
    ['no JSON', (response) => response.end('<html>'), { kind: 'completion', text: '', tokens: null }],
    [
      'broken JSON',
      (response) => response.setHeader('content-type', 'application/json').end('{"a'),
      { kind: 'unreachable', wasSent: true },
    ],
  ] satisfies [string, Reply, object][])('for %s one result after one request', async (_what, reply, result) => {
    expect(await ask(reply)).toMatchObject(result);
    expect(server.calls).toHaveLength(1);
  });

  it.each([
    ['hangs', hangs],
    ['drips', drips],
  ])('timed_out when a server %s', async (_what, reply) => {
    expect(await ask(reply, 200)).toEqual({ kind: 'timed_out' });
  });

  it('unreachable, and not sent, when nobody listens', async () => {
    const gone = await openJudgeServer();
    await gone.close();
    expect(await ask(answers(), 10_000, gone.url)).toEqual({ kind: 'unreachable', wasSent: false });
  });

  it('unreachable for a redirection, and takes no picture there', async () => {
    const elsewhere = await openJudgeServer();
    try {
      expect(await ask(redirectsTo(`${elsewhere.url}/chat/completions`))).toMatchObject({ kind: 'unreachable' });
      expect(elsewhere.calls).toHaveLength(0);
    } finally {
      await elsewhere.close();
    }
  });
});
