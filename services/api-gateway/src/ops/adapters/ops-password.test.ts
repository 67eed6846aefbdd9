import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { chmod, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadOpsPassword } from './ops-password.ts';

describe('the password of the operators', () => {
  let root: string;
  let path: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'ops-password-'));
    path = join(root, 'deep/ops-password');
  });
  afterEach(() => rm(root, { recursive: true }));

  it('is made once, long, and for its owner alone', async () => {
    const first = await loadOpsPassword(path);
    expect(first).toMatchObject({ isNew: true, isExposed: false });
    expect(first.text).toMatch(/^[A-Za-z0-9_-]{32}$/);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await loadOpsPassword(path)).toEqual({ ...first, isNew: false });
    expect(await readdir(join(root, 'deep'))).toEqual(['ops-password']);
  });

  it('is one and the same for ten starts at once', async () => {
    const all = await Promise.all(Array.from({ length: 10 }, () => loadOpsPassword(path)));
    expect(new Set(all.map(({ text }) => text)).size).toBe(1);
    expect(all.filter(({ isNew }) => isNew)).toHaveLength(1);
  });

  it('may be chosen, but not short, and who else can read it is noticed', async () => {
    path = join(root, 'chosen');
    await writeFile(path, 'correct horse battery\n');
    await chmod(path, 0o644);
    expect(await loadOpsPassword(path)).toEqual({ text: 'correct horse battery', isNew: false, isExposed: true });
    await writeFile(path, 'short');
    await expect(loadOpsPassword(path)).rejects.toThrow('fewer than 16 characters');
  });
});
