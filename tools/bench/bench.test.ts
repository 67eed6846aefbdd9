import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ReportEntry } from './report.ts';

const ROOT = join(import.meta.dirname, '../..');
const runBench = (...args: string[]) =>
  spawnSync(process.execPath, ['--conditions=@touchstone/source', 'tools/bench/main.ts', ...args], {
    cwd: ROOT,
    encoding: 'utf8',
    timeout: 60_000,
  });

describe('the bench', () => {
  let folder: string;
  beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'bench-test-'))));
  afterEach(() => rm(folder, { recursive: true }));

  it('measures the queue against bare BullMQ, and says it to people and to machines', async () => {
    const jsonPath = join(folder, 'report.json');
    const { status, stdout, stderr } = runBench('--quick', '--only', 'R4', '--json', jsonPath);
    expect({ status, stderr }).toEqual({ status: 0, stderr: expect.stringContaining('R4: slot 1 of 1') });
    expect(stdout).toMatch(/^R4 +queue, jobs of ours \/ bare BullMQ +[\d.]+ +>= 0.8 /m);
    const report = JSON.parse(await readFile(jsonPath, 'utf8')) as { machine: object; R4: ReportEntry };
    expect(Object.keys(report)).toEqual(['machine', 'R4']);
    expect(report.machine).toMatchObject({ cores: expect.any(Number), node: process.version });
    expect(report.R4).toMatchObject({ target: 0.8, pass: Number(report.R4.value) >= 0.8 });
    expect(report.R4.slots).toEqual([report.R4.value]);
    expect(report.R4.value).toBeGreaterThan(0);
  });

  it('says what it understands when it does not', () => {
    const { status, stderr } = runBench('--only', 'R9');
    expect(status).toBe(2);
    expect(stderr).toContain('--only: no method R9');
    expect(stderr).toContain('npm run bench -- [options]');
  });
});
