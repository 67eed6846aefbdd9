import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { closeRedis, FAIL_FAST_OPTIONS, openRedis } from '@touchstone/shared/queue/redis-connection';
import { createBudgetLedger } from '../src/adapters/budget-ledger.ts';
import type { PictureMaker } from '../src/picture/picture-pool.ts';
import { USAGE } from './support/judge-server.ts';
import { openRunningJudge, openSharedPictures, type RunningJudge } from './support/running-judge.ts';

const PRICES = { LLM_PRICE_IN: '2.5', LLM_PRICE_OUT: '15' };
const USD_PER_CALL = (USAGE.prompt_tokens * 2.5 + USAGE.completion_tokens * 15) / 1e6;

describe('the budget', () => {
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

  it('is never overspent by more than the calls underway, with 50 jobs at once in two processes', async () => {
    const capUsd = 0.15;
    const env = { ...PRICES, LLM_CONCURRENCY: '8', LLM_DAILY_BUDGET_USD: String(capUsd) };
    await Promise.all([judge.start(env), judge.start(env)]);
    const partials = await Promise.all(Array.from({ length: 50 }, () => judge.judge()));
    const paid = partials.filter(({ status }) => status === 'completed');
    const refused = partials.filter(({ reason }) => reason === 'budget');
    expect(paid.length + refused.length).toBe(50);
    expect(judge.server.calls).toHaveLength(paid.length);
    expect(paid.length).toBeGreaterThan(5);
    expect(refused.length).toBeGreaterThan(0);
    expect(paid.length * USD_PER_CALL).toBeLessThanOrEqual(capUsd + 8 * USD_PER_CALL);
  });

  it('is shared among tenants, and one tenant may be held to a part of it', async () => {
    await judge.start({ ...PRICES, LLM_CONCURRENCY: '1', LLM_TENANT_DAILY_BUDGET_USD: '0.04' });
    const outcomes: (string | null)[] = [];
    for (const tenant of ['one', 'one', 'two']) outcomes.push((await judge.judge({ tenant })).reason);
    expect(outcomes).toEqual([null, 'budget', null]);
  });

  it('counts calls where nothing has a price', async () => {
    await judge.start({ LLM_DAILY_CALLS: '2' });
    const outcomes: (string | null)[] = [];
    for (let i = 0; i < 3; i++) outcomes.push((await judge.judge()).reason);
    expect(outcomes).toEqual([null, null, 'budget']);
    expect(judge.server.calls).toHaveLength(2);
  });
});

describe('the ledger', () => {
  const url = process.env['TEST_REDIS_URL'] ?? '';
  const caps = { microUsd: 100, tenantMicroUsd: 60, calls: null };
  const open: { close(): Promise<void> }[] = [];
  afterEach(async () => {
    for (const part of open.splice(0)) await part.close();
  });
  const connect = async (address = url) => {
    const redis = openRedis(address, FAIL_FAST_OPTIONS, () => undefined);
    open.push({ close: () => closeRedis(redis) });
    if (address === url) await new Promise((resolve) => redis.once('ready', resolve));
    return redis;
  };
  const prefixOf = () => `test-${crypto.randomUUID().slice(0, 8)}`;

  it('sees what other processes reserved, and gives back what was not used', async () => {
    const redis = await connect();
    const prefix = prefixOf();
    const [mine, yours] = [createBudgetLedger(redis, prefix, caps), createBudgetLedger(redis, prefix, caps)];
    const first = await mine.reserve('a', 50);
    expect(first).not.toBeNull();
    expect(await yours.reserve('b', 51)).toBeNull();
    expect(await yours.reserve('a', 11)).toBeNull();
    await first!.settle(10);
    expect(await yours.reserve('b', 60)).not.toBeNull();
    expect(await mine.reserve('a', 31)).toBeNull();
    expect(await mine.reserve('a', 30)).not.toBeNull();
  });

  it('remembers its own spending when Redis has lost everything', async () => {
    const redis = await connect();
    const prefix = prefixOf();
    const ledger = createBudgetLedger(redis, prefix, caps);
    await (await ledger.reserve('a', 50))!.settle(50);
    await redis.del(...(await redis.keys(`${prefix}:*`)));
    expect(await ledger.reserve('b', 51)).toBeNull();
    expect(await ledger.reserve('b', 50)).not.toBeNull();
    // And it has told Redis again.
    expect(await createBudgetLedger(redis, prefix, caps).reserve('c', 1)).toBeNull();
  });

  it('counts in the process while Redis is away', async () => {
    const ledger = createBudgetLedger(await connect('redis://127.0.0.1:1'), 'test', caps);
    const first = await ledger.reserve('a', 60);
    expect(first).not.toBeNull();
    expect(await ledger.reserve('a', 1)).toBeNull();
    expect(await ledger.reserve('b', 41)).toBeNull();
    await first!.settle(null);
    expect(await ledger.reserve('b', 41)).not.toBeNull();
  });

  it('starts anew with the day', async () => {
    let nowMs = Date.UTC(2026, 10, 25, 23, 59);
    const ledger = createBudgetLedger(await connect(), prefixOf(), caps, () => nowMs);
    const late = await ledger.reserve('a', 60);
    expect(await ledger.reserve('a', 60)).toBeNull();
    nowMs += 120_000;
    expect(await ledger.reserve('a', 60)).not.toBeNull();
    await late!.settle(null);
    expect(await ledger.reserve('a', 1)).toBeNull();
  });
});
