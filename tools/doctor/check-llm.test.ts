import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { createLlmCheck, judgeAnswer } from './check-llm.ts';
import { contextOf } from './test-context.ts';

const KEY = 'sk-test-hidden-word';

describe('the LLM', () => {
  let server: Server;
  let base: string;
  let status: number;
  let asked: { url: string | undefined; authorization: string | undefined }[];
  beforeEach(async () => {
    status = 200;
    asked = [];
    server = createServer((request, response) => {
      asked.push({ url: request.url, authorization: request.headers.authorization });
      if (status !== 0) response.writeHead(status, { location: '/elsewhere' }).end('{"data":[]}');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    base = `http://127.0.0.1:${(server.address() as { port: number }).port}/v1`;
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const check = async (env: NodeJS.ProcessEnv, answerLimitMs?: number) => {
    const [finding] = await createLlmCheck(answerLimitMs).run(contextOf(env), new AbortController().signal);
    expect(JSON.stringify(finding)).not.toContain('hidden-word');
    return finding;
  };

  it('is off without a key, and nobody is asked', async () => {
    expect(await check({ OPENAI_BASE_URL: base })).toMatchObject({
      state: 'skip',
      what: expect.stringContaining('unavailable'),
    });
    expect(asked).toEqual([]);
  });

  it('is asked for its models with the key', async () => {
    expect(await check({ OPENAI_API_KEY: KEY, OPENAI_BASE_URL: `${base}/` })).toMatchObject({ state: 'ok' });
    expect(asked).toEqual([{ url: '/v1/models', authorization: `Bearer ${KEY}` }]);
  });

  it('fails when it refuses the key', async () => {
    status = 401;
    expect(await check({ OPENAI_API_KEY: KEY, OPENAI_BASE_URL: base })).toMatchObject({
      state: 'fail',
      advice: expect.stringContaining('OPENAI_API_KEY'),
    });
  });

  it('does not carry the key to where it is redirected', async () => {
    status = 302;
    expect(await check({ OPENAI_API_KEY: KEY, OPENAI_BASE_URL: base })).toMatchObject({ state: 'warn' });
    expect(asked).toHaveLength(1);
  });

  it('fails when nobody listens', async () => {
    await new Promise((resolve) => server.close(resolve));
    expect(await check({ OPENAI_API_KEY: KEY, OPENAI_BASE_URL: base })).toMatchObject({
      state: 'fail',
      what: expect.stringContaining('ECONNREFUSED'),
    });
  });

  it('fails when it hangs', async () => {
    status = 0;
    expect(await check({ OPENAI_API_KEY: KEY, OPENAI_BASE_URL: base }, 200)).toMatchObject({
      state: 'fail',
      what: expect.stringContaining('no answer within 0.2 s'),
    });
  });

  it('is not asked with a key that no header can carry, or at no address', async () => {
    expect(await check({ OPENAI_API_KEY: `${KEY}\n`, OPENAI_BASE_URL: base })).toMatchObject({ state: 'fail' });
    expect(await check({ OPENAI_API_KEY: KEY, OPENAI_BASE_URL: 'hidden-word' })).toMatchObject({ state: 'fail' });
    expect(asked).toEqual([]);
  });
});

it('warns about answers that may pass', () => {
  expect([200, 403, 404, 429, 500].map((status) => judgeAnswer(status, 'h', 1).state)).toEqual([
    'ok',
    'fail',
    'warn',
    'warn',
    'warn',
  ]);
});
