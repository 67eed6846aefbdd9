import { expect, it } from '@jest/globals';
import { ROLES, rolesFor } from './roles.ts';

it.each([
  [{}, false],
  [{ OPENAI_API_KEY: '' }, false],
  [{ OPENAI_API_KEY: 'sk-test' }, true],
  [{ OPENAI_API_KEY: 'sk-test', LLM_ENABLED: '0' }, false],
  [{ LLM_ENABLED: '1' }, true],
])('with %j a run starts an llm-worker: %p', (env, starts) => {
  expect(rolesFor(env).some(({ name }) => name === 'llm-worker')).toBe(starts);
});

it('gives the gpu-worker more time to start than the 600 s after which that gives up itself', () => {
  expect(ROLES.find(({ name }) => name === 'gpu-worker')?.readyLimitMs).toBeGreaterThan(600_000);
});
