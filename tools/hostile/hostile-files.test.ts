import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { hostileFilesBelow } from './hostile-files.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hostile-files-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** An archive of plain files; a directory entry comes first. */
function tarOf(files: Record<string, Buffer>): Buffer {
  const entry = (name: string, type: string, data: Buffer) => {
    const head = Buffer.alloc(512);
    head.write(name, 0, 'latin1');
    head.write(data.length.toString(8).padStart(11, '0'), 124, 'latin1');
    head.write(type, 156, 'latin1');
    return Buffer.concat([head, data, Buffer.alloc((512 - (data.length % 512)) % 512)]);
  };
  const entries = Object.entries(files).map(([name, data]) => entry(name, '0', data));
  return Buffer.concat([entry('inside/', '5', Buffer.alloc(0)), ...entries, Buffer.alloc(1_024)]);
}

it('gives every file below a folder, and what archives hold', async () => {
  await mkdir(join(folder, 'b'));
  await writeFile(join(folder, 'a.png'), 'a');
  await writeFile(join(folder, 'b/empty'), '');
  const inside = { 'inside/one': Buffer.alloc(700, 1), 'inside/two': Buffer.alloc(512, 2) };
  await writeFile(join(folder, 'c.tar.gz'), gzipSync(tarOf(inside)));
  // A link may lead out of the folder, or round in a circle.
  await symlink(folder, join(folder, 'd'));
  const found = [...hostileFilesBelow(folder)].map(({ name, bytes }) => [name.slice(folder.length + 1), bytes.length]);
  expect(found).toEqual([
    ['a.png', 1],
    ['b/empty', 0],
    ['c.tar.gz:inside/one', 700],
    ['c.tar.gz:inside/two', 512],
  ]);
  expect([...hostileFilesBelow(join(folder, 'a.png'))]).toHaveLength(1);
});
