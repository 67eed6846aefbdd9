import { expect, it } from '@jest/globals';
import { openLastingFolders } from './lasting-folders.ts';

it('a new folder is synced with everything that holds a folder on the way to it, and then alone', () => {
  const folders = openLastingFolders('/root');
  expect(folders.directoriesToSync('/root/a/b')).toEqual(['/root/a/b', '/root/a', '/root']);
  folders.add(['/root/a/b']);
  expect(folders.directoriesToSync('/root/a/b')).toEqual(['/root/a/b']);
  expect(folders.directoriesToSync('/root/a/c')).toEqual(['/root/a/c', '/root/a']);
  expect(folders.directoriesToSync('/root')).toEqual(['/root']);
});

it('of folders that were made again nothing is known, of those above them what was', () => {
  const folders = openLastingFolders('/root');
  folders.add(['/root/a/b/c']);
  folders.forget('/root/a/b', '/root/a/b/c');
  expect(folders.directoriesToSync('/root/a/b/c')).toEqual(['/root/a/b/c', '/root/a/b', '/root/a']);
});

it('keeps those used last', () => {
  const folders = openLastingFolders('/root', 3);
  folders.add(['/root/a']);
  folders.add(['/root/b']);
  folders.add(['/root/c']);
  folders.add(['/root/a']);
  folders.add(['/root/d']);
  const isKnown = (folder: string) => folders.directoriesToSync(folder).length === 1;
  expect(['/root/a', '/root/b', '/root/c', '/root/d'].map(isKnown)).toEqual([true, false, true, true]);
});
