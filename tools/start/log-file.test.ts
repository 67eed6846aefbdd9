import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLogFile } from './log-file.ts';

describe('a log file', () => {
  let dir: string;
  let path: string;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'log-file-'));
    path = join(dir, 'role.log');
  });
  afterEach(() => rm(dir, { recursive: true }));

  const writeAll = (lines: readonly string[], maxBytes?: number) => {
    const log = openLogFile(path, maxBytes);
    for (const line of lines) log.write(line);
    log.close();
    return log;
  };

  it('goes on where the run before ended, and is for its owner only', async () => {
    writeAll(['one']);
    writeAll(['two']);
    expect(await readFile(path, 'utf8')).toBe('one\ntwo\n');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('becomes .1 when it is full, and replaces the one before', async () => {
    writeAll(['aaaa', 'bbbb', 'cccc', 'dddd', 'eeee'], 10);
    expect(await readFile(`${path}.1`, 'utf8')).toBe('cccc\ndddd\n');
    expect(await readFile(path, 'utf8')).toBe('eeee\n');
  });

  it('holds a single line of any length', async () => {
    writeAll(['x'.repeat(50)], 10);
    expect(await readFile(path, 'utf8')).toHaveLength(51);
  });

  it('swallows what comes after its end', async () => {
    writeAll(['one']).write('two');
    expect(await readFile(path, 'utf8')).toBe('one\n');
  });
});
