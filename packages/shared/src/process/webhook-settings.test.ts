import { describe, expect, it } from '@jest/globals';
import { checkGuardedUrl, createOutboundRules } from '../outbound/guarded-url.ts';
import { parseEnvironment } from './environment.ts';
import { WEBHOOK_SETTINGS, webhookSettings } from './webhook-settings.ts';

const settingsOf = (env: NodeJS.ProcessEnv) => webhookSettings(parseEnvironment(WEBHOOK_SETTINGS, env));
const accepts = (env: NodeJS.ProcessEnv, url: string) =>
  checkGuardedUrl(url, createOutboundRules(settingsOf(env).outbound)).ok;

describe('webhook settings', () => {
  it.each([
    [{}, 'https://example.com/', true],
    [{}, 'https://example.com:8443/', true],
    [{}, 'https://example.com:9000/', false],
    [{}, 'http://example.com/', false],
    [{}, 'https://127.0.0.1/', false],
    [{ WEBHOOK_PORTS: '443, 9000' }, 'https://example.com:9000/', true],
    [{ WEBHOOK_PORTS: '443, 9000' }, 'https://example.com:8443/', false],
    [{ WEBHOOK_ALLOW_LOOPBACK: '1' }, 'http://127.0.0.1:12345/', true],
    [{ WEBHOOK_ALLOW_LOOPBACK: '1' }, 'http://10.0.0.1/', false],
    [{ WEBHOOK_DENIED_RANGES: '9.9.9.0/24, 2600::/32' }, 'https://9.9.9.9/', false],
    [{ WEBHOOK_DENIED_RANGES: '9.9.9.0/24, 2600::/32' }, 'https://9.9.8.9/', true],
  ])('with %j, %s is accepted: %s', (env, url, expected) => expect(accepts(env, url)).toBe(expected));

  it.each([{ WEBHOOK_PORTS: 'x' }, { WEBHOOK_PORTS: '0' }, { WEBHOOK_PORTS: ',' }, { WEBHOOK_DENIED_RANGES: '1.2.3' }])(
    'refuses %j',
    (env) => expect(() => settingsOf(env)).toThrow('bad settings'),
  );
});
