import { expect, it } from '@jest/globals';
import { loadConfig, loadKeysFile } from './config.ts';

const REDIS_URL = 'redis://localhost:6379';

it('needs only an address of Redis', () => {
  expect(loadConfig({ REDIS_URL })).toMatchObject({
    port: 8_000,
    host: undefined,
    detectors: ['sbi', 'distildire'],
    llmPolicy: 'always',
    detectWaitMs: 55_000,
    maxHeld: 500,
    maxBytesInFlight: 512 * 1_024 * 1_024,
    opensAnonymousDetect: false,
    trustedProxies: 0,
    rateLimits: { perMinute: 300, perDay: 100_000 },
    requestsPerMinute: 6_000,
    maxQueuedPerTenant: 10_000,
    maxQueueWaitMs: 900_000,
    maxDetectQueueWaitMs: 50_000,
    apiKeysFile: '.data/keys.json',
  });
});

it('keeps the detectors in the order of the vocabulary', () => {
  expect(loadConfig({ REDIS_URL, DETECTORS: 'distildire, sbi' }).detectors).toEqual(['sbi', 'distildire']);
});

it.each([
  [{ OPENAI_API_KEY: 'sk-test' }, true],
  [{ OPENAI_API_KEY: 'sk-test', LLM_ENABLED: '0' }, false],
  [{ OPENAI_API_KEY: '' }, false],
  [{ LLM_ENABLED: 'true' }, true],
])('with %j has a judge: %p', (env, has) => {
  const config = loadConfig({ REDIS_URL, ...env });
  expect(config.detectors.includes('llm')).toBe(has);
  expect(JSON.stringify(config)).not.toContain('sk-test');
});

it('names every bad setting and shows no value', () => {
  const env = { REDIS_URL: 'http://user:secret@host', DETECTORS: 'secret', MAX_HELD: '-1', ANONYMOUS_DETECT: 'yes' };
  expect(() => loadConfig(env)).toThrow(/REDIS_URL[\s\S]*DETECTORS[\s\S]*MAX_HELD[\s\S]*ANONYMOUS_DETECT/);
  expect(() => loadConfig(env)).not.toThrow(/secret/);
});

it('finds the keys without the other settings', () => {
  expect(loadKeysFile({ DATA_DIR: 'there' })).toBe('there/keys.json');
  expect(loadKeysFile({ API_KEYS_FILE: 'here.json' })).toBe('here.json');
});
