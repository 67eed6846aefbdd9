import { randomUUID } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { copyFile, link, mkdir, open, opendir, readdir, readFile, stat, unlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { hasErrorCode } from '../process/error-code.ts';
import { assertObjectKey, type ObjectBody, type ObjectInfo, type ObjectStore } from './object-store.ts';

const SPOOL = '.spool';
const STALE_SPOOL_MS = 3_600_000;

/**
 * Object store in a directory of a local file system.
 *
 * A body is written to a spool file, its data synced, then `link(2)`ed to its final name: atomic, and failing on an
 * existing name where `rename` would replace it. The directory is synced as well, or the name could be lost with the
 * power although its data was not. A writer that is killed leaves its spool file; old ones go at the next open.
 */
export async function openDirectoryObjectStore(root: string): Promise<ObjectStore> {
  const spoolDir = join(root, SPOOL);
  await mkdir(spoolDir, { recursive: true, mode: 0o700 });
  await removeStaleSpoolFiles(spoolDir);
  const pathOf = (key: string) => {
    assertObjectKey(key);
    if (key.startsWith(SPOOL)) throw new Error('not an object key: the spool is private');
    return join(root, key);
  };

  return {
    async create(key, body) {
      const target = pathOf(key);
      const spool = await stageBody(spoolDir, body);
      try {
        await linkInto(spool, target);
        return true;
      } catch (error) {
        if (hasErrorCode(error, 'EEXIST')) return false;
        throw error;
      } finally {
        await unlink(spool);
      }
    },
    read: (key) => readFile(pathOf(key)).catch(nullIfMissing),
    async readStream(key) {
      const file = await open(pathOf(key)).catch(nullIfMissing);
      return file === null ? null : file.createReadStream();
    },
    async head(key) {
      const found = await stat(pathOf(key)).catch(nullIfMissing);
      return found === null ? null : { key, bytes: found.size, modifiedMs: found.mtimeMs };
    },
    async list(prefix, after, limit) {
      const found: ObjectInfo[] = [];
      const parent = prefix.slice(0, prefix.lastIndexOf('/') + 1);
      await collect(root, parent, prefix, after, limit, found);
      return found;
    },
    async delete(key) {
      await unlink(pathOf(key)).catch(nullIfMissing);
    },
    async close() {},
  };
}

function nullIfMissing(error: unknown): null {
  if (hasErrorCode(error, 'ENOENT') || hasErrorCode(error, 'ENOTDIR')) return null;
  throw error;
}

/** Puts the body into a synced file of the spool and returns its path; leaves nothing there when it fails. */
async function stageBody(spoolDir: string, body: ObjectBody): Promise<string> {
  const spool = join(spoolDir, randomUUID());
  try {
    if ('path' in body) await stageFile(spool, body);
    else await stageBytes(spool, body);
    return spool;
  } catch (error) {
    await unlink(spool).catch(nullIfMissing);
    throw error;
  }
}

async function stageBytes(spool: string, body: Uint8Array): Promise<void> {
  const file = await open(spool, 'wx', 0o600);
  try {
    await file.writeFile(body);
    await file.datasync();
  } finally {
    await file.close();
  }
}

/** A caller's file on the same file system costs no copy; EXDEV means that it lies on another one. */
async function stageFile(spool: string, body: { path: string; bytes: number }): Promise<void> {
  await link(body.path, spool).catch(async (error: unknown) => {
    if (!hasErrorCode(error, 'EXDEV')) throw error;
    await copyFile(body.path, spool);
  });
  const file = await open(spool, 'r+');
  try {
    const { size } = await file.stat();
    if (size !== body.bytes) throw new Error(`spooled body has ${size} bytes instead of ${body.bytes}`);
    await file.datasync();
  } finally {
    await file.close();
  }
}

async function linkInto(spool: string, target: string): Promise<void> {
  const folder = dirname(target);
  try {
    await link(spool, target);
  } catch (error) {
    if (!hasErrorCode(error, 'ENOENT')) throw error;
    const firstMade = await mkdir(folder, { recursive: true, mode: 0o700 });
    if (firstMade !== undefined) await syncDirectories(dirname(firstMade), dirname(folder));
    await link(spool, target);
  }
  await syncDirectory(folder);
}

/** Syncs `from` and every directory below it on the way to `to`, so that new directories survive a power loss. */
async function syncDirectories(from: string, to: string): Promise<void> {
  let at = from;
  await syncDirectory(at);
  for (const part of relative(from, to).split('/').filter(Boolean)) {
    at = join(at, part);
    await syncDirectory(at);
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

async function removeStaleSpoolFiles(spoolDir: string): Promise<void> {
  for (const name of await readdir(spoolDir)) {
    const path = join(spoolDir, name);
    const found = await stat(path).catch(nullIfMissing);
    if (found !== null && Date.now() - found.mtimeMs > STALE_SPOOL_MS) await unlink(path).catch(nullIfMissing);
  }
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

/**
 * The keys of a directory in order, as far as they can be needed for `limit` objects. It is read in pieces and only the
 * foremost are kept: sorting the hundred thousand entries of an index at once would hold up everything else.
 */
async function firstNames(path: string, limit: number, keyOf: (entry: Dirent) => string | null): Promise<string[]> {
  const directory = await opendir(path, { bufferSize: 512 }).catch(nullIfMissing);
  if (directory === null) return [];
  let kept: string[] = [];
  const cut = () => {
    kept.sort((a, b) => (a < b ? -1 : 1));
    let objects = 0;
    // Directories may turn out empty, so only objects count towards the limit.
    const end = kept.findIndex((key) => !key.endsWith('/') && ++objects > limit);
    if (end !== -1) kept = kept.slice(0, end);
  };
  for await (const entry of directory) {
    const key = keyOf(entry);
    if (key !== null && kept.push(key) >= limit + 4_096) cut();
  }
  cut();
  return kept;
}
