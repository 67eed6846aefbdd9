import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDirectoryObjectStore } from '@touchstone/shared/storage/directory-object-store';
import type { ObjectStore } from '@touchstone/shared/storage/object-store';
import { checkStore, describeStoreError } from './check-store.ts';
import { contextOf, runAlone } from './test-context.ts';
import { tryStore } from './try-store.ts';

/** Root may write everywhere, so as root the check runs as nobody. */
const NOBODY = 65_534;

describe('the store', () => {
  let folder: string;
  beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'doctor-store-'))));
  afterEach(() => rm(folder, { recursive: true }));
  const check = (dataDir: string) => runAlone(checkStore, contextOf({ DATA_DIR: dataDir }));

  it('that is not there yet can be made, and is not there afterwards either', async () => {
    const { store } = await check(join(folder, 'new/data'));
    expect(store).toMatchObject({
      state: 'ok',
      what: expect.stringMatching(/^DATA_DIR can be made and takes an object in [\d.]+ ms; create-only holds$/),
      facts: { create_only: true },
    });
    expect(await readdir(folder)).toEqual([]);
  });

  it('that is in use keeps what it holds and gets nothing more', async () => {
    const used = await openDirectoryObjectStore(join(folder, 'objects'));
    await used.create('uploads/default/a', Buffer.from('kept'));
    const before = await readdir(folder, { recursive: true });
    expect(await check(folder)).toMatchObject({ store: { state: 'ok' } });
    expect((await readdir(folder, { recursive: true })).toSorted()).toEqual(before.toSorted());
  });

  it('fails where a part of its path is a file', async () => {
    await writeFile(join(folder, 'file'), '');
    const { store } = await check(join(folder, 'file/data'));
    expect(store).toMatchObject({ state: 'fail', advice: expect.stringContaining('set DATA_DIR to a folder') });
  });

  it('fails in a folder that may not be written', async () => {
    await chmod(folder, 0o555);
    const isRoot = process.getuid!() === 0;
    if (isRoot) process.seteuid!(NOBODY);
    try {
      expect(await check(join(folder, 'data'))).toMatchObject({
        store: { state: 'fail', facts: { code: 'EACCES' }, advice: expect.stringContaining('may write') },
      });
    } finally {
      if (isRoot) process.seteuid!(0);
      await chmod(folder, 0o755);
    }
  });

  it('warns when others may read the images', async () => {
    await mkdir(join(folder, 'objects'));
    await chmod(join(folder, 'objects'), 0o755);
    expect(await check(folder)).toMatchObject({ store: { state: 'ok' }, 'store-mode': { state: 'warn' } });
    await chmod(join(folder, 'objects'), 0o700);
    expect(Object.keys(await check(folder))).toEqual(['store']);
    await chmod(folder, 0o770);
    expect(await check(folder)).toMatchObject({ 'store-mode': { facts: { data_dir: '770', objects: '700' } } });
  });

  it('fails when a second writer wins, or what was written reads otherwise', async () => {
    const told = { subject: '', writeAdvice: '', createOnlyAdvice: '' };
    const real = await openDirectoryObjectStore(join(folder, 'objects'));
    const overwriting: ObjectStore = {
      ...real,
      create: async (key, body) => (await real.delete(key), real.create(key, body)),
    };
    expect(await tryStore(overwriting, told)).toMatchObject([{ state: 'fail' }]);
    const claiming: ObjectStore = { ...real, create: async (key, body) => (await real.create(key, body), true) };
    expect(await tryStore(claiming, told)).toMatchObject([
      { state: 'fail', what: expect.stringContaining('create-only') },
    ]);
    const forgetful: ObjectStore = { ...real, read: async () => null };
    expect(await tryStore(forgetful, told)).toMatchObject([
      { state: 'fail', what: expect.stringContaining('read back') },
    ]);
    expect(await real.list('doctor/', null, 10)).toEqual([]);
  });

  it('names the lack of hard links', () => {
    const error = (code: string, syscall: string) => Object.assign(new Error(`${code}: no`), { code, syscall });
    expect(describeStoreError(error('EPERM', 'link'))).toMatchObject({
      state: 'fail',
      what: 'the file system of DATA_DIR refuses hard links (EPERM)',
      advice: expect.stringContaining('hard links'),
    });
    expect(describeStoreError(error('ENOSPC', 'link')).advice).toContain('full');
    expect(describeStoreError(error('EPERM', 'mkdir')).advice).toContain('may write');
  });
});
