import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '@touchstone/shared/observe/logger';
import { openDisposablePool, type DisposablePool, type DisposablePoolOptions } from '../src/disposable-pool.ts';
import { UndecodableImageError } from '../src/undecodable-image-error.ts';
import type { Answer } from './misbehaving.child.ts';

const entry = new URL('./misbehaving.child.ts', import.meta.url);
const logger = createLogger('test', 'silent');

let folder: string;
let pool: DisposablePool<string, Answer> | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'disposable-'));
});
afterEach(async () => {
  await pool?.close();
  pool = undefined;
  await rm(folder, { recursive: true });
});

async function open(options: Partial<DisposablePoolOptions> = {}): Promise<DisposablePool<string, Answer>['run']> {
  pool = await openDisposablePool<string, Answer>({
    entry,
    setup: 'tools',
    size: 1,
    timeoutMs: 10_000,
    maxGrowthBytes: 400e6,
    recycleAfter: 1_000,
    logger,
    ...options,
  });
  const opened = pool;
  return (task) => opened.run(task);
}

const isRunning = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe('a pool of disposable children', () => {
  it('asks the same child again and again, which was set up once', async () => {
    const run = await open();
    const first = await run('ok');
    expect(first.setup).toBe('tools');
    expect(await run('ok')).toEqual({ ...first, tasks: first.tasks + 1 });
  });

  it('gives an image whose child dies one more try in a fresh child, and goes on', async () => {
    const run = await open();
    const { pid } = await run('ok');
    const retried = await run(`die-once ${join(folder, 'died')}`);
    expect(retried.tasks).toBe(1);
    expect(retried.pid).not.toBe(pid);
    expect(await run('ok')).toEqual({ ...retried, tasks: 2 });
  });

  it('calls an image undecodable that two children died of, and goes on', async () => {
    const run = await open();
    await expect(run('die')).rejects.toThrow(UndecodableImageError);
    expect((await run('ok')).tasks).toBe(1);
  });

  it('kills a child that hangs at the time limit, and gives its image no other', async () => {
    const run = await open({ timeoutMs: 300 });
    const { pid } = await run('ok');
    const startedFile = join(folder, 'started');
    await expect(run(`hang ${startedFile}`)).rejects.toThrow(UndecodableImageError);
    expect(await readFile(startedFile, 'utf8')).toBe(`${pid}\n`);
    expect(isRunning(pid)).toBe(false);
    expect((await run('ok')).tasks).toBe(1);
  });

  it('passes on what a child says about an image, without another try', async () => {
    const run = await open();
    await expect(run('damaged')).rejects.toThrow(UndecodableImageError);
    const ours = await run('our-fault').catch((error: unknown) => error);
    expect(ours).toMatchObject({ name: 'Error', message: expect.stringContaining('a bug') });
    expect((await run('ok')).tasks).toBe(3);
  });

  it('replaces a child that has served its time', async () => {
    const run = await open({ recycleAfter: 2 });
    const answers = [await run('ok'), await run('ok'), await run('ok')];
    expect(answers.map(({ tasks }) => tasks)).toEqual([1, 2, 1]);
    expect(isRunning(answers[0]!.pid)).toBe(false);
  });

  it('works on as many images at once as it has places, the others in the order of their arrival', async () => {
    const run = await open({ size: 2 });
    const gate = join(folder, 'gate');
    const order: string[] = [];
    const inOrder = async (name: string, task: string) => {
      const answer = await run(task);
      order.push(name);
      return answer;
    };
    const blocked = inOrder('blocked', `wait-for ${gate}`);
    const queued = ['a', 'b', 'c', 'd'].map((name) => inOrder(name, 'ok'));
    const pids = new Set((await Promise.all(queued)).map(({ pid }) => pid));
    expect(order).toEqual(['a', 'b', 'c', 'd']);
    expect(pids.size).toBe(1);
    await writeFile(gate, '');
    expect(pids).not.toContain((await blocked).pid);
  });

  it('hands its children no secret of its own environment', async () => {
    const run = await open();
    const names = await run('environment').catch((error: unknown) => String(error));
    expect(names).toContain('MALLOC_ARENA_MAX');
    expect(names).not.toMatch(/REDIS|SECRET|KEY/);
  });

  it('cannot be opened when its children die at every start, and says what they printed', async () => {
    await expect(open({ setup: 'broken' })).rejects.toThrow(/code 1[^]*no library today/);
  });

  it('ends every child and every wait when it is closed', async () => {
    const run = await open();
    const { pid } = await run('ok');
    const underway = run(`wait-for ${join(folder, 'never')}`);
    const waiting = run('ok');
    const ends = Promise.all([underway, waiting].map((end) => expect(end).rejects.toThrow('closed')));
    await pool!.close();
    await ends;
    expect(isRunning(pid)).toBe(false);
    await expect(run('ok')).rejects.toThrow('closed');
  });
});

const hasProc = existsSync('/proc/self/status');
if (!hasProc) process.stderr.write('skipped: the memory limit of a child, because there is no /proc\n');

(hasProc ? describe : describe.skip)('the memory limit of a child', () => {
  it('kills a child that grows beyond it', async () => {
    const run = await open({ maxGrowthBytes: 100e6 });
    const { pid } = await run('ok');
    await expect(run('grow 200000000')).rejects.toThrow(UndecodableImageError);
    expect(isRunning(pid)).toBe(false);
  });

  it('kills a child that was larger for a moment only and has answered, and does not hold that against the next', async () => {
    const run = await open({ maxGrowthBytes: 60e6 });
    const { pid } = await run('ok');
    await expect(run('swell 120000000')).rejects.toThrow(UndecodableImageError);
    expect(isRunning(pid)).toBe(false);
    const first = await run('swell 20000000');
    expect(await run('ok')).toEqual({ ...first, tasks: 2 });
  });
});

it('a child ends when its parent is killed', async () => {
  const script = join(folder, 'parent.mjs');
  const module = new URL('../src/disposable-child.ts', import.meta.url).href;
  await writeFile(
    script,
    `import { startDisposableChild } from ${JSON.stringify(module)};
     const limits = { timeoutMs: 1_000, maxGrowthBytes: 1e9 };
     const child = startDisposableChild(new URL(${JSON.stringify(entry.href)}), 'tools', limits);
     await child.ready;
     process.stdout.write(String(child.pid));`,
  );
  const parent = spawn(process.execPath, ['--conditions=@touchstone/source', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [printed] = (await once(parent.stdout, 'data')) as [Buffer];
  const pid = Number(printed.toString());
  expect(isRunning(pid)).toBe(true);
  parent.kill('SIGKILL');
  await once(parent, 'exit');
  const deadline = Date.now() + 5_000;
  while (isRunning(pid) && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(isRunning(pid)).toBe(false);
});
