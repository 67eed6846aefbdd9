import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { markProcess } from '../process-mark.ts';
import { openRunFile, readRunFile, type RunFile } from './run-file.ts';

const runOf = (more: Partial<RunFile> = {}): RunFile => ({
  version: 1,
  started_at: '2026-01-01T00:00:00.000Z',
  supervisor: markProcess(process.pid)!,
  redis_url: '',
  addresses: {},
  processes: [],
  ...more,
});
/** This pid, but a process of another day. */
const dead = { pid: process.pid, born: 'long ago' };

describe('the run file', () => {
  let dir: string;
  let path: string;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'run-file-'));
    path = join(dir, 'run.json');
  });
  afterEach(() => rm(dir, { recursive: true }));

  it('tells what runs, to its owner only, and is gone after the run', async () => {
    const file = openRunFile(path, runOf());
    file.write(runOf({ addresses: { public: 'http://localhost:1' } }));
    expect(readRunFile(path)?.addresses).toEqual({ public: 'http://localhost:1' });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    file.close();
    expect(await readdir(dir)).toEqual([]);
  });

  it('refuses a second run while the first one lives, and says where that is', async () => {
    openRunFile(path, runOf({ addresses: { public: 'http://localhost:1' } }));
    expect(() => openRunFile(path, runOf())).toThrow(
      new RegExp(`already runs on this data as process ${process.pid} at http://localhost:1`),
    );
    expect(await readdir(dir)).toEqual(['run.json']);
  });

  it('takes the place of a run that was killed, and hands over what it left', async () => {
    const left = runOf({ supervisor: dead, redis_url: 'unix:///tmp/x' });
    await writeFile(path, JSON.stringify(left));
    expect(openRunFile(path, runOf()).previous).toEqual(left);
    expect(readRunFile(path)).toEqual(runOf());
    expect(await readdir(dir)).toEqual(['run.json']);
  });

  it.each(['', '{"half":', 'null', '{}'])('is not kept from its place by a damaged one: %s', async (content) => {
    await writeFile(path, content);
    expect(openRunFile(path, runOf()).previous).toBeNull();
    expect(readRunFile(path)).toEqual(runOf());
  });

  it('lives on when it cannot be written, says so once an outage, and is written again after it', async () => {
    const problems: string[] = [];
    const file = openRunFile(path, runOf(), (problem) => problems.push(problem));
    const draft = `${path}.${process.pid}`;
    for (const outage of [1, 2]) {
      await mkdir(draft);
      file.write(runOf({ redis_url: 'unix:///tmp/lost' }));
      file.write(runOf({ redis_url: 'unix:///tmp/lost' }));
      expect(problems).toEqual(Array(outage).fill(expect.stringContaining('EISDIR')));
      await rm(draft, { recursive: true });
      file.write(runOf({ redis_url: `unix:///tmp/${outage}` }));
      expect(readRunFile(path)?.redis_url).toBe(`unix:///tmp/${outage}`);
    }
  });

  it('leaves no draft behind that could not take its place', async () => {
    const file = openRunFile(path, runOf(), () => undefined);
    await rm(path);
    await mkdir(path);
    file.write(runOf());
    expect(await readdir(dir)).toEqual(['run.json']);
  });

  it('reads as nothing where there is none', () => {
    expect(readRunFile(path)).toBeNull();
  });
});
