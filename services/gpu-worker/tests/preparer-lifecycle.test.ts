import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createLogger } from '@touchstone/shared/observe/logger';
import { UndecodableImageError, type ImagePreparer } from '../src/core/prepared-image.ts';
import { openPreparerPool, type PreparerPoolOptions } from '../src/preparer/preparer-pool.ts';

const entry = new URL('./preparer-misbehaving.child.ts', import.meta.url);
const logger = createLogger('test', 'silent');

let folder: string;
let pool: ImagePreparer | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'preparer-'));
});
afterEach(async () => {
  await pool?.close();
  pool = undefined;
  await rm(folder, { recursive: true });
});

async function open(options: Partial<PreparerPoolOptions> = {}): Promise<(command: string) => Promise<Answer>> {
  const opened = await openPreparerPool({
    plans: [],
    size: 1,
    timeoutMs: 10_000,
    maxGrowthBytes: 400e6,
    recycleAfter: 1_000,
    logger,
    entry,
    ...options,
  });
  pool = opened;
  return async (command) => {
    const { width, height } = await opened.prepare(Buffer.from(command), 'image/png');
    return { pid: width, images: height };
  };
}
type Answer = { pid: number; images: number };

const isRunning = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe('a pool of preparers', () => {
  it('asks the same child again and again', async () => {
    const prepare = await open();
    const first = await prepare('ok');
    expect(await prepare('ok')).toEqual({ pid: first.pid, images: first.images + 1 });
  });

  it('gives an image whose child dies one more try in a fresh child, and goes on', async () => {
    const prepare = await open();
    const { pid } = await prepare('ok');
    const retried = await prepare(`die-once ${join(folder, 'died')}`);
    expect(retried.images).toBe(1);
    expect(retried.pid).not.toBe(pid);
    expect(await prepare('ok')).toEqual({ pid: retried.pid, images: 2 });
  });

  it('calls an image undecodable that two children died of, and goes on', async () => {
    const prepare = await open();
    await expect(prepare('die')).rejects.toThrow(UndecodableImageError);
    expect((await prepare('ok')).images).toBe(1);
  });

  it('kills a child that hangs at the time limit', async () => {
    const prepare = await open({ timeoutMs: 300 });
    const { pid } = await prepare('ok');
    await expect(prepare('hang')).rejects.toThrow(UndecodableImageError);
    expect(isRunning(pid)).toBe(false);
    expect((await prepare('ok')).images).toBe(1);
  });

  it('passes on what a child says about an image, without another try', async () => {
    const prepare = await open();
    await expect(prepare('damaged')).rejects.toThrow(UndecodableImageError);
    const ours = await prepare('our-fault').catch((error: unknown) => error);
    expect(ours).toMatchObject({ name: 'Error', message: expect.stringContaining('a bug') });
    expect((await prepare('ok')).images).toBe(3);
  });

  it('replaces a child that has served its time', async () => {
    const prepare = await open({ recycleAfter: 2 });
    const answers = [await prepare('ok'), await prepare('ok'), await prepare('ok')];
    expect(answers.map(({ images }) => images)).toEqual([1, 2, 1]);
    expect(isRunning(answers[0]!.pid)).toBe(false);
  });

  it('works on as many images at once as it has places, the others in the order of their arrival', async () => {
    const prepare = await open({ size: 2 });
    const gate = join(folder, 'gate');
    const order: string[] = [];
    const inOrder = async (name: string, command: string) => {
      const answer = await prepare(command);
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
    const script = join(folder, 'environment.mjs');
    await writeFile(
      script,
      `process.on('message', ({ id }) => process.send({ kind: 'internal', id, message: Object.keys(process.env).join() }));
       process.send({ kind: 'ready' });`,
    );
    const prepare = await open({ entry: pathToFileURL(script) });
    const names = await prepare('ok').catch((error: unknown) => String(error));
    expect(names).toContain('MALLOC_ARENA_MAX');
    expect(names).not.toMatch(/REDIS|SECRET|KEY/);
  });

  it('cannot be opened when its children die at every start, and says what they printed', async () => {
    const script = join(folder, 'broken.mjs');
    await writeFile(script, `process.stderr.write('no library today'); process.exitCode = 3;`);
    await expect(open({ entry: pathToFileURL(script) })).rejects.toThrow(/code 3[^]*no library today/);
  });

  it('ends every child and every wait when it is closed', async () => {
    const prepare = await open();
    const { pid } = await prepare('ok');
    const underway = prepare(`wait-for ${join(folder, 'never')}`);
    const waiting = prepare('ok');
    const ends = Promise.all([underway, waiting].map((end) => expect(end).rejects.toThrow('closed')));
    await pool!.close();
    await ends;
    expect(isRunning(pid)).toBe(false);
    await expect(prepare('ok')).rejects.toThrow('closed');
  });
});

const hasProc = existsSync('/proc/self/status');
if (!hasProc) process.stderr.write('skipped: the memory limit of a preparer, because there is no /proc\n');

(hasProc ? describe : describe.skip)('the memory limit of a preparer', () => {
  it('kills a child that grows beyond it', async () => {
    const prepare = await open({ maxGrowthBytes: 100e6 });
    const { pid } = await prepare('ok');
    await expect(prepare('grow 200000000')).rejects.toThrow(UndecodableImageError);
    expect(isRunning(pid)).toBe(false);
  });
});

describe('a real child', () => {
  it('ends when its parent is killed', async () => {
    const script = join(folder, 'parent.mjs');
    const module = new URL('../src/preparer/preparer-process.ts', import.meta.url).href;
    const child = new URL('../src/preparer/preparer.child.ts', import.meta.url).href;
    await writeFile(
      script,
      `import { startPreparerProcess } from ${JSON.stringify(module)};
       const child = startPreparerProcess(new URL(${JSON.stringify(child)}), [], { timeoutMs: 1_000, maxGrowthBytes: 1e9 });
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
});
