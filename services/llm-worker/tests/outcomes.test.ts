import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  answers,
  drips,
  failsWith,
  hangs,
  rambles,
  refuses,
  runsOutOfQuota,
  says,
  truncates,
  USAGE,
  answerOf,
} from './support/judge-server.ts';
import type { PictureMaker } from '../src/picture/picture-pool.ts';
import { openRunningJudge, openSharedPictures, type RunningJudge } from './support/running-judge.ts';

/** One test for every row of llm-and-fusion.md A4, through the real service. */
describe('what a judge makes of', () => {
  let pictures: PictureMaker;
  let judge: RunningJudge;
  beforeAll(async () => {
    pictures = await openSharedPictures();
  });
  afterAll(() => pictures.close());
  beforeEach(async () => {
    judge = await openRunningJudge(pictures);
  });
  afterEach(() => judge.close());

  const textOfCall = (i: number) => {
    const [, user] = judge.server.calls[i]!.body.messages;
    return user.content[0]!.type === 'text' ? user.content[0]!.text : '';
  };

  it('an answer: it becomes the score, with who said what at which price', async () => {
    await judge.start({ LLM_PRICE_IN: '2.5', LLM_PRICE_OUT: '15' });
    const partial = await judge.judge();
    expect(partial).toMatchObject({ status: 'completed', reason: null, score: 0.9, scored_regions: 1, detector: null });
    const { fake_probability: _score, ...said } = answerOf();
    expect(partial.judgement).toEqual({
      ...said,
      model: 'judge-test-2026',
      system_fingerprint: 'fp_test',
      prompt_sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      tokens_in: USAGE.prompt_tokens,
      tokens_out: USAGE.completion_tokens,
      usd: (1_365 * 2.5 + 250 * 15 + 0.5) / 1e6,
    });
    const { tokens_in, tokens_out, usd } = partial.judgement!;
    expect(partial.cost).toEqual({ llm_tokens_in: tokens_in, llm_tokens_out: tokens_out, gpu_ms: 0, usd });
    expect(partial.timings_ms?.infer).toBeGreaterThan(0);
    expect(await judge.metrics()).toMatch(/touchstone_llm_spend_usd_total\{[^}]*\} 0\.007163/);
  });

  it('a refusal: one rephrased question, then the answer', async () => {
    judge.server.script(refuses);
    await judge.start();
    expect(await judge.judge()).toMatchObject({ status: 'completed', judgement: { tokens_in: 2 * 1_365, usd: null } });
    expect(textOfCall(1)).toContain('technical examination');
  });

  it.each([
    ['refusals', refuses, 'refused', 'refusal'],
    ['filtered answers', says('', 'content_filter'), 'refused', 'refusal'],
    ['truncated answers', truncates, 'failed', 'truncated_output'],
    ['prose around the JSON', rambles, 'failed', 'invalid_output'],
    ['numbers out of range', says(JSON.stringify(answerOf({ fake_probability: 1.7 }))), 'failed', 'invalid_output'],
    ['unknown words', says(JSON.stringify({ ...answerOf(), verdict: 'real' })), 'failed', 'invalid_output'],
    ['extra keys', says(JSON.stringify({ ...answerOf(), note: 'trust me' })), 'failed', 'invalid_output'],
    ['missing keys', says('{"verdict":"authentic","fake_probability":0}'), 'failed', 'invalid_output'],
    ['empty answers', says(''), 'failed', 'invalid_output'],
    ['answers that are no completion', (response) => response.end('{"choices":[]}'), 'failed', 'invalid_output'],
  ] satisfies [string, typeof refuses, string, string][])(
    'two %s: asked twice and no more, then no number',
    async (_what, reply, status, reason) => {
      judge.server.always(reply);
      await judge.start();
      expect(await judge.judge()).toMatchObject({ status, reason, score: null, scored_regions: 0 });
      expect(judge.server.calls).toHaveLength(2);
    },
  );

  it('two refusals: the account still tells what they cost', async () => {
    judge.server.always(refuses);
    await judge.start({ LLM_PRICE_IN: '1', LLM_PRICE_OUT: '0' });
    const { cost, judgement } = await judge.judge();
    expect(judgement).toBeUndefined();
    expect(cost).toMatchObject({ llm_tokens_in: 2 * USAGE.prompt_tokens, usd: (2 * USAGE.prompt_tokens) / 1e6 });
  });

  it('a truncated answer: room for twice as much the second time', async () => {
    judge.server.script(truncates);
    await judge.start({ LLM_MAX_OUTPUT_TOKENS: '700' });
    expect(await judge.judge()).toMatchObject({ status: 'completed' });
    expect(judge.server.calls.map(({ body }) => body.max_completion_tokens)).toEqual([700, 1_400]);
  });

  it('a short Retry-After: it is obeyed without losing an attempt, and then one call tries', async () => {
    judge.server.script(failsWith(429, {}, { 'retry-after': '1' }));
    await judge.start();
    const startMs = performance.now();
    const waiting = judge.judge();
    await judge.server.received(1);
    const second = judge.judge();
    expect(await waiting).toMatchObject({ status: 'completed' });
    expect(await second).toMatchObject({ status: 'completed' });
    expect(performance.now() - startMs).toBeGreaterThan(1_000);
    expect(judge.server.calls).toHaveLength(3);
    const metrics = await judge.metrics();
    expect(metrics).toMatch(/touchstone_llm_breaker_state\{[^}]*\} 0/);
    expect(metrics).toMatch(/touchstone_job_failures_total\{[^}]*outcome="retried"[^}]*\} 0/);
  });

  it.each([
    ['a Retry-After beyond the grace', failsWith(429, {}, { 'retry-after': '3600' }), 'skipped', 'breaker_open'],
    ['a spent quota', runsOutOfQuota, 'failed', 'budget'],
    ['a refused key', failsWith(401, { code: 'invalid_api_key' }), 'failed', 'model_unavailable'],
    ['an unknown model', failsWith(404, { code: 'model_not_found' }), 'failed', 'model_unavailable'],
  ] satisfies [string, typeof refuses, string, string][])(
    '%s: an end at once, and the server is left alone',
    async (_what, reply, status, reason) => {
      judge.server.always(reply);
      await judge.start();
      expect(await judge.judge()).toMatchObject({ status, reason, score: null });
      expect(await judge.judge()).toMatchObject({ status: 'skipped', reason: 'breaker_open' });
      expect(judge.server.calls).toHaveLength(1);
      expect(await judge.metrics()).toMatch(/touchstone_llm_breaker_state\{[^}]*\} 2/);
    },
  );

  it('a question that the server does not take: no second try', async () => {
    judge.server.always(failsWith(400));
    await judge.start();
    expect(await judge.judge()).toMatchObject({ status: 'failed', reason: 'runtime_error' });
    expect(judge.server.calls).toHaveLength(1);
  });

  it('a server error: the queue tries again', async () => {
    judge.server.script(failsWith(500));
    await judge.start();
    expect(await judge.judge()).toMatchObject({ status: 'completed' });
    expect(judge.server.calls).toHaveLength(2);
  });

  it('five failures in a row: the breaker opens and the jobs end without a call', async () => {
    judge.server.always(failsWith(503));
    await judge.start();
    const partials = await Promise.all(Array.from({ length: 5 }, () => judge.judge()));
    for (const partial of partials) expect(partial).toMatchObject({ status: 'skipped', reason: 'breaker_open' });
    expect(judge.server.calls).toHaveLength(5);
  });

  it.each([
    ['a server that hangs', hangs],
    ['a body that never ends', drips],
  ])('%s: the end at the deadline', async (_what, reply) => {
    judge.server.always(reply);
    await judge.start({ LLM_TIMEOUT_MS: '300' });
    expect(await judge.judge()).toMatchObject({ status: 'timed_out', reason: 'deadline', score: null });
    expect(judge.server.calls).toHaveLength(1);
  });

  it('an answer about a picture with instructions: it is discarded', async () => {
    judge.server.always(answers({ contains_instructions: true, verdict: 'authentic', fake_probability: 0 }));
    await judge.start();
    const partial = await judge.judge();
    expect(partial).toMatchObject({ status: 'refused', reason: 'contains_instructions', score: null });
    expect(partial.judgement).toBeUndefined();
    expect(judge.server.calls).toHaveLength(1);
  });
});
