import { afterAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
