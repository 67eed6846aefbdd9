import { describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');

/** Runs `node --print EXPRESSION` through the bootstrap; `preload` is code that runs before it. */
const bootstrap = (expression: string, { preload = '', env = {} }: { preload?: string; env?: NodeJS.ProcessEnv }) => {
  const args = [`--import=data:text/javascript,${encodeURIComponent(preload)}`, 'scripts/bootstrap.mjs'];
  const { ORT_DISABLE_TELEMETRY: _, npm_lifecycle_event: __, ...inherited } = process.env;
  return spawnSync(process.execPath, [...args, 'node', '--print', expression], {
    cwd: root,
    env: { ...inherited, ...env },
    encoding: 'utf8',
    timeout: 15_000,
  });
};

describe('the bootstrap', () => {
  /** A system without a packaged Node, so that one that is too old ends it before it installs anything. */
  const pretend = (version: string) => `
    Object.defineProperty(process, 'platform', { value: 'aix' });
    Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } });`;

  it.each(['20.19.0', '22.18.0', '23.0.0', '23.5.0'])('does not take Node %s, which cannot strip types', (version) => {
    const { status, stderr } = bootstrap('1', { preload: pretend(version) });
    expect(stderr).toContain('is too old: install Node 24');
    expect(status).toBe(1);
  });

  it.each(['22.19.0', '24.0.0', '26.1.0'])('takes Node %s as it is', (version) => {
    const { stdout, stderr } = bootstrap('process.execPath', { preload: pretend(version) });
    expect(stderr).toBe('');
    expect(stdout.trim()).toBe(process.execPath);
  });

  it('turns the telemetry of onnxruntime off unless told otherwise', () => {
    const expression = 'process.env.ORT_DISABLE_TELEMETRY';
    expect(bootstrap(expression, {}).stdout.trim()).toBe('1');
    expect(bootstrap(expression, { env: { ORT_DISABLE_TELEMETRY: '0' } }).stdout.trim()).toBe('0');
  });
});
