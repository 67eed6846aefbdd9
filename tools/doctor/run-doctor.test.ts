import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fail, ok, warn, type Finding } from './finding.ts';
import { runDoctor } from './run-doctor.ts';
import type { Check } from './run-checks.ts';
import { ROOT } from './test-context.ts';

describe('the command', () => {
  const run = async (args: string[], findings: Finding[] = []) => {
    const written = { stdout: '', stderr: '' };
    const sink = (name: keyof typeof written) => ({ write: (text: string) => (written[name] += text) });
    const checks: Check[] = [{ id: 'x', timeoutMs: 1_000, run: async () => findings }];
    const [stdout, stderr] = [sink('stdout'), sink('stderr')];
    const code = await runDoctor({ args, root: ROOT, env: {}, checks, stdout, stderr });
    return { code, ...written };
  };

  it('ends with 1 when anything fails, with 0 on warnings', async () => {
    expect((await run([], [ok('a', 'b'), warn('c', 'd', 'e')])).code).toBe(0);
    expect((await run([], [ok('a', 'b'), fail('c', 'd', 'e')])).code).toBe(1);
    expect((await run(['--json'], [fail('c', 'd', 'e')])).code).toBe(1);
  });

  it('writes findings and a summary, or one document', async () => {
    const findings = [ok('a', 'b')];
    expect((await run([], findings)).stdout).toBe('✓ a                  b\n\n1 ok, 0 warnings, 0 failed, 0 skipped\n');
    expect(JSON.parse((await run(['--json'], findings)).stdout)).toEqual({ ok: true, findings });
  });

  it('explains itself when it is not understood', async () => {
    expect(await run(['--jsno'])).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('--json') });
    expect(await run(['--help'])).toMatchObject({ code: 0, stdout: expect.stringContaining('Usage') });
  });
});

describe('npm run doctor', () => {
  let folder: string;
  beforeAll(async () => (folder = await mkdtemp(join(tmpdir(), 'doctor-'))));
  afterAll(() => rm(folder, { recursive: true }));

  it('checks everything with --json against the Redis of the tests, and leaves nothing behind', async () => {
    const { stdout, stderr, status } = spawnSync(
      process.execPath,
      ['--conditions=@touchstone/source', 'tools/doctor/main.ts', '--json'],
      {
        cwd: ROOT,
        encoding: 'utf8',
        env: {
          PATH: process.env['PATH'],
          DATA_DIR: join(folder, 'data'),
          REDIS_URL: process.env['TEST_REDIS_URL'],
          PORT: '0',
          OPS_PORT: '0',
        },
      },
    );
    expect(stderr).toBe('');
    const document = JSON.parse(stdout) as { ok: boolean; findings: Finding[] };
    expect(document.findings.map(({ id }) => id)).toEqual([
      'node',
      'settings',
      'memory',
      'disk',
      'store',
      'redis',
      'redis-eviction',
      'redis-persistence',
      'port',
      'ops-port',
      'run',
      'face-detector',
      'gpu',
      'bundle-sbi',
      'bundle-distildire',
      'llm',
    ]);
    expect(document.findings.filter(({ state }) => state === 'fail')).toEqual([]);
    expect(document.ok).toBe(true);
    expect(status).toBe(0);
    for (const { state, advice } of document.findings) {
      expect(advice === null).toBe(state === 'ok' || state === 'skip');
    }
    expect(await readdir(folder)).toEqual([]);
  }, 60_000);
});
