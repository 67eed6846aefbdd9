import { expect, it } from '@jest/globals';
import { loadConfig } from './config.ts';

const REDIS_URL = 'redis://localhost';

it('needs nothing but Redis, and then has no model', () => {
  expect(loadConfig({ REDIS_URL })).toMatchObject({
    apiKey: null,
    baseUrl: 'https://api.openai.com/v1',
    timeoutMs: 30_000,
    concurrency: 8,
    graceMs: 20_000,
    budget: { microUsd: 10_000_000, tenantMicroUsd: null, calls: 10_000 },
    prices: { inUsdPerMillion: 0, outUsdPerMillion: 0 },
  });
});

it.each([
  ['OPENAI_BASE_URL', 'ftp://example.org'],
  ['OPENAI_BASE_URL', 'https://user:secret@example.org/v1'],
  ['OPENAI_API_KEY', 'sk secret'],
  ['LLM_PRICE_IN', '-1'],
  ['LLM_CONCURRENCY', '0'],
])('names %s when it is no good, and not its value', (name, value) => {
  const load = () => loadConfig({ REDIS_URL, [name]: value });
  expect(load).toThrow(name);
  expect(load).not.toThrow(/secret/);
});
