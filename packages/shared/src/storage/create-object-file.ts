import { randomUUID } from 'node:crypto';
import { copyFile, link, mkdir, open, readdir, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { hasErrorCode } from '../process/error-code.ts';
import { shareDirectorySyncs, type SyncDirectory } from './directory-syncs.ts';
import { openLastingFolders } from './lasting-folders.ts';
import { nullIfMissing } from './null-if-missing.ts';
import type { ObjectBody } from './object-store.ts';

/** Folder of the root that is no part of the store: bodies on their way. */
export const SPOOL = '.spool';
const STALE_SPOOL_MS = 3_600_000;

type NewFile = { target: string; body: ObjectBody };

/** Creates files one after the other; false for those that existed. */
type CreateObjectFiles = (files: readonly NewFile[], signal?: AbortSignal) => Promise<boolean[]>;

/** A body that waits, synced, for its name. */
type StagedBody = { putAt: (target: string) => Promise<void>; discard: () => Promise<void> };

/**
 * Files that are there whole or not at all, also after a power loss. A body is written to a spool file and its data
 * synced, then `link(2)`ed to its name: atomic, and failing on an existing name where `rename` would replace it. Then
 * the directories with new names are synced, or the name could be lost with the power although its data was not.
 *
 * What a file costs is its syncs (1.0 CPU-ms, all but a twentieth of it in the kernel), and syncs at the same time
 * share a commit: so bodies are synced together, then the directories of all names but the last, then those of the last.
 * A writer that is killed leaves its spool files; old ones go at the next open.
 *
 * A folder that is there may have been made a moment ago by another writer, who has not synced its name yet. Where this
 * writer has not seen it survive, it syncs the way to it itself.
 */
export async function openObjectFiles(
  root: string,
  syncDirectory: SyncDirectory = shareDirectorySyncs(),
): Promise<CreateObjectFiles> {
  const spoolDir = join(root, SPOOL);
  const made = await mkdir(spoolDir, { recursive: true, mode: 0o700 });
  if (made !== undefined) {
    const wayToRoot = openLastingFolders(dirname(made)).directoriesToSync(root);
    await Promise.all(wayToRoot.map(syncDirectory));
  }
  await removeStaleSpoolFiles(spoolDir);
  const { dev } = await stat(spoolDir);
  const lasting = openLastingFolders(root);
  const syncAll = async (folders: readonly string[]) => {
    await Promise.all([...new Set(folders.flatMap((folder) => lasting.directoriesToSync(folder)))].map(syncDirectory));
    lasting.add(folders);
  };

  const stage = async (body: ObjectBody): Promise<StagedBody> => {
    // Nothing of an empty file could be seen half written.
    if (!('path' in body) && body.length === 0) return { putAt: writeEmpty, discard: async () => undefined };
    // A caller's file gets a second name, which costs no copy.
    if ('path' in body && (await syncFile(body.path, body.bytes)) === dev) {
      return { putAt: (target) => link(body.path, target), discard: async () => undefined };
    }
    const spool = await stageBody(spoolDir, body);
    return { putAt: (target) => link(spool, target), discard: () => unlink(spool) };
  };
  const discardAll = (staged: readonly StagedBody[]) => Promise.all(staged.map(({ discard }) => discard()));

  return async (files, signal) => {
    const attempts = await Promise.allSettled(files.map(({ body }) => stage(body)));
    const staged = attempts.flatMap((attempt) => (attempt.status === 'fulfilled' ? [attempt.value] : []));
    const answers: boolean[] = [];
    let changed: string[] = [];
    try {
      for (const attempt of attempts) if (attempt.status === 'rejected') throw attempt.reason;
      for (const [i, { target }] of files.entries()) {
        if (i === files.length - 1) {
          await syncAll(changed);
          changed = [];
        }
        signal?.throwIfAborted();
        answers.push(await putName(target, staged[i]!.putAt, (first) => lasting.forget(first, dirname(target))));
        // Also one that existed: whoever made it may not have come to its sync.
        changed.push(dirname(target));
      }
    } catch (error) {
      await discardAll(staged);
      throw error;
    }
    await Promise.all([discardAll(staged), syncAll(changed)]);
    return answers;
  };
}

/** Lets `give` make the name, in a folder that is made if need be; false when it existed. */
async function putName(
  target: string,
  give: (target: string) => Promise<void>,
  onMade: (firstFolder: string) => void,
): Promise<boolean> {
  try {
    await give(target).catch(async (error: unknown) => {
      if (!hasErrorCode(error, 'ENOENT')) throw error;
      const made = await mkdir(dirname(target), { recursive: true, mode: 0o700 });
      if (made !== undefined) onMade(made);
      await give(target);
    });
    return true;
  } catch (error) {
    if (hasErrorCode(error, 'EEXIST')) return false;
    throw error;
  }
}

async function writeEmpty(target: string): Promise<void> {
  const file = await open(target, 'wx', 0o600);
  await file.close();
}

/** Syncs the data of a file of this size, and tells the device that it lies on. */
async function syncFile(path: string, bytes: number): Promise<number> {
  const file = await open(path, 'r+');
  try {
    const { size, dev } = await file.stat();
    if (size !== bytes) throw new Error(`spooled body has ${size} bytes instead of ${bytes}`);
    await file.datasync();
    return dev;
  } finally {
    await file.close();
  }
}

/** Puts the body into a synced file of the spool and returns its path; leaves nothing there when it fails. */
async function stageBody(spoolDir: string, body: ObjectBody): Promise<string> {
  const spool = join(spoolDir, randomUUID());
  try {
    if ('path' in body) {
      await copyFile(body.path, spool);
      await syncFile(spool, body.bytes);
    } else await stageBytes(spool, body);
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

async function removeStaleSpoolFiles(spoolDir: string): Promise<void> {
  for (const name of await readdir(spoolDir)) {
    const path = join(spoolDir, name);
    const found = await stat(path).catch(nullIfMissing);
    if (found !== null && Date.now() - found.mtimeMs > STALE_SPOOL_MS) await unlink(path).catch(nullIfMissing);
  }
}
