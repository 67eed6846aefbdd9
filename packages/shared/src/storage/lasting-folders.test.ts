import { expect, it } from '@jest/globals';
import { openLastingFolders } from './lasting-folders.ts';

it('a new folder is synced with everything that holds a folder on the way to it, and then alone', () => {
  const folders = openLastingFolders('/store');
  expect(folders.directoriesToSync('/store/a/b')).toEqual(['/store/a/b', '/store/a', '/store']);
  folders.add(['/store/a/b']);
  expect(folders.directoriesToSync('/store/a/b')).toEqual(['/store/a/b']);
  expect(folders.directoriesToSync('/store/a/c')).toEqual(['/store/a/c', '/store/a']);
  expect(folders.directoriesToSync('/store')).toEqual(['/store']);
});

it('of folders that were made again nothing is known, of those above them what was', () => {
  const folders = openLastingFolders('/store');
  folders.add(['/store/a/b/c']);
  folders.forget('/store/a/b', '/store/a/b/c');
  expect(folders.directoriesToSync('/store/a/b/c')).toEqual(['/store/a/b/c', '/store/a/b', '/store/a']);
});

it('keeps those used last', () => {
  const folders = openLastingFolders('/store', 3);
  folders.add(['/store/a']);
  folders.add(['/store/b']);
  folders.add(['/store/c']);
  folders.add(['/store/a']);
  folders.add(['/store/d']);
  const isKnown = (folder: string) => folders.directoriesToSync(folder).length === 1;
  expect(['/store/a', '/store/b', '/store/c', '/store/d'].map(isKnown)).toEqual([true, false, true, true]);
});
