import type { Dirent } from 'node:fs';
import { opendir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { SPOOL } from './create-object-file.ts';
import { nullIfMissing } from './null-if-missing.ts';
import type { ObjectInfo } from './object-store.ts';

/**
 * About a thousand entries on ext4. What is not larger is read at once: a sweep looks into hundreds of nearly empty
 * directories, and opening, reading and closing each costs four trips to the thread pool instead of two.
 */
const SMALL_DIRECTORY_BYTES = 65_536;

/** At most `limit` objects below `root` whose key begins with `prefix` and comes after `after`. */
export async function listObjectFiles(
  root: string,
  prefix: string,
  after: string | null,
  limit: number,
): Promise<ObjectInfo[]> {
  const found: ObjectInfo[] = [];
  const parent = prefix.slice(0, prefix.lastIndexOf('/') + 1);
  await collect(root, parent, prefix, after, limit, found);
  return found;
}

/** Walks `folder` in the order of whole keys: a directory sorts as its name with `/`, as S3 would sort its objects. */
async function collect(
  root: string,
  folder: string,
  prefix: string,
  after: string | null,
  limit: number,
  found: ObjectInfo[],
): Promise<void> {
  const names = await firstNames(join(root, folder), limit - found.length, (entry) => {
    if (folder === '' && entry.name === SPOOL) return null;
    const key = folder + entry.name + (entry.isDirectory() ? '/' : '');
    const isWanted = key.startsWith(prefix) || (key.endsWith('/') && prefix.startsWith(key));
    const isLater = after === null || key > after || (key.endsWith('/') && after.startsWith(key));
    return isWanted && isLater ? key : null;
  });
  for (const key of names) {
    if (found.length >= limit) return;
    if (key.endsWith('/')) {
      await collect(root, key, prefix, after, limit, found);
      continue;
    }
    const info = await stat(join(root, key)).catch(nullIfMissing);
    if (info !== null) found.push({ key, bytes: info.size, modifiedMs: info.mtimeMs });
  }
}

/** The keys of a directory in order, as far as they can be needed for `limit` objects. */
async function firstNames(path: string, limit: number, keyOf: (entry: Dirent) => string | null): Promise<string[]> {
  const found = await stat(path).catch(nullIfMissing);
  if (found === null) return [];
  return found.size <= SMALL_DIRECTORY_BYTES ? namesAtOnce(path, limit, keyOf) : namesInPieces(path, limit, keyOf);
}

async function namesAtOnce(path: string, limit: number, keyOf: (entry: Dirent) => string | null): Promise<string[]> {
  const entries = (await readdir(path, { withFileTypes: true }).catch(nullIfMissing)) ?? [];
  return firstOf(
    entries.map(keyOf).filter((key) => key !== null),
    limit,
  );
}

/** Only the foremost are kept: sorting the hundred thousand entries of an index at once would hold up everything else. */
async function namesInPieces(path: string, limit: number, keyOf: (entry: Dirent) => string | null): Promise<string[]> {
  const directory = await opendir(path, { bufferSize: 512 }).catch(nullIfMissing);
  if (directory === null) return [];
  let kept: string[] = [];
  for await (const entry of directory) {
    const key = keyOf(entry);
    if (key !== null && kept.push(key) >= limit + 4_096) kept = firstOf(kept, limit);
  }
  return firstOf(kept, limit);
}

/** Directories may turn out empty, so only objects count towards the limit. */
function firstOf(keys: string[], limit: number): string[] {
  const sorted = keys.toSorted((a, b) => (a < b ? -1 : 1));
  let objects = 0;
  const end = sorted.findIndex((key) => !key.endsWith('/') && ++objects > limit);
  return end === -1 ? sorted : sorted.slice(0, end);
}
