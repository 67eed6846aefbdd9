import { describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { isAtLeast } from './at-least.ts';
import { checkDisk, judgeDisk } from './check-disk.ts';
import { checkFaceDetector } from './check-face-detector.ts';
import { checkMemory, judgeMemory } from './check-memory.ts';
import { checkNode, judgeNode } from './check-node.ts';
import { contextOf, ROOT, runAlone } from './test-context.ts';

it('compares versions by their numbers', () => {
  expect(isAtLeast('7.0.15', '6.2')).toBe(true);
  expect(isAtLeast('6.2', '6.2')).toBe(true);
  expect(isAtLeast('v22.9.0', '22.19')).toBe(false);
  expect(isAtLeast('v22.19.0-rc.1', '22.19')).toBe(true);
  expect(isAtLeast('5', '6.2')).toBe(false);
  expect(isAtLeast('unknown', '6.2')).toBe(false);
});

describe('Node', () => {
  it('is judged by package.json', async () => {
    expect(await runAlone(checkNode, contextOf({}))).toMatchObject({
      node: { facts: { version: process.version, minimum: '22.19' } },
    });
  });

  it('is fine on the tested line, a warning beside it and a failure below the minimum', () => {
    expect(judgeNode('v24.21.0', '>=22.19').state).toBe('ok');
    expect(judgeNode('v22.19.0', '>=22.19').state).toBe('warn');
    expect(judgeNode('v25.0.0', '>=22.19').state).toBe('warn');
    expect(judgeNode('v22.18.0', '>=22.19').state).toBe('fail');
  });
});

describe('memory', () => {
  it('is what this process may still have', async () => {
    const { memory } = await runAlone(checkMemory, contextOf({}));
    expect(memory!.facts['available_bytes']).toBeGreaterThan(0);
    expect(memory!.facts['available_bytes']).toBeLessThanOrEqual(memory!.facts['total_bytes'] as number);
  });

  it('below 2 GiB is a warning', () => {
    expect(judgeMemory(2 * 2 ** 30, 4 * 2 ** 30).state).toBe('ok');
    expect(judgeMemory(2 * 2 ** 30 - 1, 4 * 2 ** 30)).toMatchObject({ state: 'warn', advice: expect.any(String) });
  });
});

describe('disk space', () => {
  it('is that of the nearest folder that exists', async () => {
    const here = await runAlone(checkDisk, contextOf({ DATA_DIR: ROOT }));
    const below = await runAlone(checkDisk, contextOf({ DATA_DIR: join(ROOT, 'not/there/yet') }));
    const free = (findings: typeof here) => findings['disk']!.facts['free_bytes'] as number;
    expect(free(here)).toBeGreaterThan(0);
    // Others write to the same disk meanwhile.
    expect(Math.abs(free(below) - free(here))).toBeLessThan(5e9);
  });

  it('below 5 GB is a warning, below 500 MB a failure', () => {
    expect(judgeDisk(5e9).state).toBe('ok');
    expect(judgeDisk(5e9 - 1).state).toBe('warn');
    expect(judgeDisk(5e8).state).toBe('warn');
    expect(judgeDisk(5e8 - 1).state).toBe('fail');
  });
});

describe('the face detector', () => {
  it('is the tested file', async () => {
    expect(await runAlone(checkFaceDetector, contextOf({}))).toMatchObject({
      'face-detector': { state: 'ok', what: expect.stringMatching(/sha256 [0-9a-f]{64}$/) },
    });
  });

  it('fails where its package is not installed', async () => {
    expect(await runAlone(checkFaceDetector, { ...contextOf({}), root: '/' })).toMatchObject({
      'face-detector': { state: 'fail', facts: { code: 'MODULE_NOT_FOUND' } },
    });
  });
});
