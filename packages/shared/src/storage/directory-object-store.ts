import { open, readFile, stat, unlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { openObjectFiles, SPOOL } from './create-object-file.ts';
import { listObjectFiles } from './list-object-files.ts';
import { nullIfMissing } from './null-if-missing.ts';
import { assertObjectKey, type ObjectStore } from './object-store.ts';

/** Object store in a directory of a local file system: a key is a path, an object a file. */
export async function openDirectoryObjectStore(path: string): Promise<ObjectStore> {
  const root = resolve(path);
  const createFiles = await openObjectFiles(root);
  const pathOf = (key: string) => {
    assertObjectKey(key);
    if (key.startsWith(SPOOL)) throw new Error('not an object key: the spool is private');
    return join(root, key);
  };

  return {
    async create(key, body) {
      const [isCreated] = await createFiles([{ target: pathOf(key), body }]);
      return isCreated!;
    },
    createInOrder: async (objects, signal) =>
      createFiles(
        objects.map(({ key, body }) => ({ target: pathOf(key), body })),
        signal,
      ),
    read: (key) => readFile(pathOf(key)).catch(nullIfMissing),
    async readStream(key) {
      const file = await open(pathOf(key)).catch(nullIfMissing);
      return file === null ? null : file.createReadStream();
    },
    async head(key) {
      const found = await stat(pathOf(key)).catch(nullIfMissing);
      return found === null ? null : { key, bytes: found.size, modifiedMs: found.mtimeMs };
    },
    list: (prefix, after, limit) => listObjectFiles(root, prefix, after, limit),
    async delete(key) {
      await unlink(pathOf(key)).catch(nullIfMissing);
    },
    presignPut: null,
    async close() {},
  };
}
