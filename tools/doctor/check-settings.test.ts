import { describe, expect, it } from '@jest/globals';
import { checkSettings, describeRefusals, parseRefusals } from './check-settings.ts';
import { contextOf, runAlone } from './test-context.ts';

const check = (env: NodeJS.ProcessEnv) => checkSettings.run(contextOf(env), new AbortController().signal);

describe('the settings', () => {
  it('need none, and every reader is asked', async () => {
    expect(await check({})).toMatchObject([
      { state: 'ok', facts: { readers: ['npm start', 'api-gateway', 'gpu-worker', 'aggregator'] } },
    ]);
  });

  it('give one finding for each bad variable, with who refuses it and without its value', async () => {
    const findings = await check({ PORT: 'secret-word', EXECUTION_PROVIDER: 'secret-word', SWEEP_INTERVAL_MS: '0' });
    expect(findings.map(({ state, facts }) => ({ state, ...facts }))).toMatchObject([
      { state: 'fail', variable: 'PORT', readers: ['npm start', 'api-gateway'] },
      { state: 'fail', variable: 'EXECUTION_PROVIDER', readers: ['gpu-worker'] },
      { state: 'fail', variable: 'SWEEP_INTERVAL_MS', readers: ['aggregator'] },
    ]);
    expect(JSON.stringify(findings)).not.toContain('secret-word');
  });

  it('that npm start refuses count as not set for the other checks', () => {
    const context = contextOf({ PORT: 'http', OPS_PORT: '9', REDIS_URL: 'localhost' });
    expect(context.refused.toSorted()).toEqual(['PORT', 'REDIS_URL']);
    expect(context.settings).toMatchObject({ port: 8_000, opsPort: 9, redisUrl: undefined });
  });

  it('warn when the gateway asks for a detector that no worker fills', async () => {
    const findings = await runAlone(checkSettings, contextOf({ WORKER_SLOTS: 'distildire' }));
    expect(findings['settings']).toMatchObject({
      state: 'warn',
      what: 'DETECTORS asks for sbi, which WORKER_SLOTS leaves out',
    });
  });

  it('report an error that is about no variable', () => {
    const refusals = parseRefusals('aggregator', 'cannot find package\nat x');
    expect(describeRefusals(refusals)).toMatchObject([
      { state: 'fail', what: 'settings: cannot find package (aggregator)', facts: { variable: null } },
    ]);
  });
});
