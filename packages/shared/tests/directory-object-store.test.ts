import { afterAll, describe, expect, it } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { openObjectFiles } from '../src/storage/create-object-file.ts';
import { openDirectoryObjectStore } from '../src/storage/directory-object-store.ts';
import { describeObjectStore } from './object-store.contract.ts';

const roots: string[] = [];
const newRoot = async () => {
  const root = await mkdtemp(join(tmpdir(), 'directory-store-'));
  roots.push(root);
  return root;
};
afterAll(() => Promise.all(roots.map((root) => rm(root, { recursive: true }))));

describeObjectStore('directory', async () => openDirectoryObjectStore(await newRoot()));

it('the directory store cannot let clients put objects themselves, and says so', async () => {
  expect((await openDirectoryObjectStore(await newRoot())).presignPut).toBeNull();
});

it('the directory store lists a large directory, which it reads in pieces, as it lists a small one', async () => {
  const root = await newRoot();
  const store = await openDirectoryObjectStore(root);
  const keys = Array.from({ length: 500 }, (_, i) => `index/t/${String(i).padStart(200, '0')}`);
  await mkdir(join(root, 'index/t/below'), { recursive: true });
  for (const key of keys.toReversed()) writeFileSync(join(root, key), '');
  expect((await stat(join(root, 'index/t'))).size).toBeGreaterThan(65_536);
  await store.create('index/t/below/1', new Uint8Array());
  const listed = async (after: string | null, limit: number) =>
    (await store.list('index/t/', after, limit)).map(({ key }) => key);
  expect(await listed(null, 1_000)).toEqual([...keys, 'index/t/below/1']);
  expect(await listed(keys[299]!, 2)).toEqual(keys.slice(300, 302));
});

it('the directory store gives no name behind one that cannot be given', async () => {
  const root = await newRoot();
  const store = await openDirectoryObjectStore(root);
  await store.create('leaf', new Uint8Array(3));
  const objects = ['first', 'leaf/below', 'last'].map((key) => ({ key, body: new Uint8Array(3) }));
  await expect(store.createInOrder(objects, new AbortController().signal)).rejects.toThrow('ENOTDIR');
  expect((await store.list('', null, 10)).map(({ key }) => key)).toEqual(['first', 'leaf']);
  expect(await readdir(join(root, '.spool'))).toEqual([]);
});

describe('what a create of the directory store has made to last when it ends', () => {
  const openFiles = async (root: string) => {
    const synced: string[] = [];
    const create = await openObjectFiles(root, async (path) => void synced.push(relative(root, path)));
    const syncedAtOpen = synced.splice(0);
    return {
      create: (key: string) => create([{ target: join(root, key), body: new Uint8Array(1) }]),
      synced,
      syncedAtOpen,
    };
  };

  it('the way to a folder that another writer has made, and may not have synced yet', async () => {
    const root = await newRoot();
    const [one, other] = [await openFiles(root), await openFiles(root)];
    await one.create('t/id/a');
    expect(one.synced).toEqual(['t/id', 't', '']);
    await other.create('t/id/b');
    expect(other.synced).toEqual(['t/id', 't', '']);
  });

  it('only the folder, once the way to it has been synced', async () => {
    const { create, synced } = await openFiles(await newRoot());
    await create('t/id/a');
    synced.length = 0;
    await create('t/id/b');
    expect(synced).toEqual(['t/id']);
  });

  it('a new folder and what holds it, not the way to that', async () => {
    const { create, synced } = await openFiles(await newRoot());
    await create('t/id/a');
    synced.length = 0;
    await create('t/id2/a');
    expect(synced).toEqual(['t/id2', 't']);
  });

  it('a new root, at the open', async () => {
    const root = join(await newRoot(), 'data/objects');
    expect((await openFiles(root)).syncedAtOpen).toEqual(['', '..', '../..']);
    expect((await openFiles(root)).syncedAtOpen).toEqual([]);
  });

  it('the name of an object that was there: its writer may have been killed before the sync', async () => {
    const root = await newRoot();
    const [one, other] = [await openFiles(root), await openFiles(root)];
    await one.create('a');
    expect(await other.create('a')).toEqual([false]);
    expect(other.synced).toEqual(['']);
  });
});

describe('the spool of the directory store', () => {
  it('holds nothing after a create that failed', async () => {
    const root = await newRoot();
    const store = await openDirectoryObjectStore(root);
    await store.create('a', new Uint8Array(3));
    // The target's folder cannot be made, because an object has its name.
    await expect(store.create('a/b', new Uint8Array(3))).rejects.toThrow(/ENOTDIR|EEXIST/);
    const path = join(root, 'short');
    await writeFile(path, 'abc');
    await expect(store.create('b', { path, bytes: 4, sha256: '' })).rejects.toThrow('3 bytes instead of 4');
    expect(await readdir(join(root, '.spool'))).toEqual([]);
  });

  it('holds nothing once a create has ended, won or lost', async () => {
    const root = await newRoot();
    const store = await openDirectoryObjectStore(root);
    await store.create('a', new Uint8Array(3));
    await store.create('a', new Uint8Array(3));
    expect(await readdir(join(root, '.spool'))).toEqual([]);
  });

  it('loses the files of killed writers at the next open, and keeps those of living ones', async () => {
    const root = await newRoot();
    await openDirectoryObjectStore(root);
    const twoHoursAgo = new Date(Date.now() - 7_200_000);
    await writeFile(join(root, '.spool/old'), 'x');
    await utimes(join(root, '.spool/old'), twoHoursAgo, twoHoursAgo);
    await writeFile(join(root, '.spool/new'), 'x');
    await openDirectoryObjectStore(root);
    expect(await readdir(join(root, '.spool'))).toEqual(['new']);
  });
});
