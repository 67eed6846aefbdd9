import { randomUUID } from 'node:crypto';
import { mkdir, rmdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { asError, hasErrorCode } from '@touchstone/shared/process/error-code';
import { openDirectoryObjectStore } from '@touchstone/shared/storage/directory-object-store';
import type { ObjectStore } from '@touchstone/shared/storage/object-store';
import { fail, ok, warn, type Finding } from './finding.ts';
import type { Check } from './run-checks.ts';

const PROBE_FOLDER = 'doctor';
const LINK_ADVICE = 'Put DATA_DIR on a local file system with hard links (ext4, xfs, btrfs, zfs, apfs).';
const ADVICE: Record<string, string> = {
  EACCES: 'Give it to the user that runs Touchstone, or set DATA_DIR to a folder that this user may write.',
  EPERM: 'Give it to the user that runs Touchstone, or set DATA_DIR to a folder that this user may write.',
  EROFS: 'The file system is mounted read-only: mount it writable, or set DATA_DIR elsewhere.',
  ENOTDIR: 'A part of the path is a file: set DATA_DIR to a folder.',
  EEXIST: 'A part of the path is a file: set DATA_DIR to a folder.',
  ENOSPC: 'The disk is full: free some space, or set DATA_DIR elsewhere.',
  EDQUOT: 'The quota is used up: free some space, or set DATA_DIR elsewhere.',
};

/** Writes through the very store that the services use, and takes away all that was not there before. */
export const checkStore: Check = {
  id: 'store',
  timeoutMs: 15_000,
  async run({ settings: { dataDir } }) {
    const isNew = (await modeOf(dataDir)) === null;
    const root = join(dataDir, 'objects');
    let firstMade: string | undefined;
    try {
      firstMade = await mkdir(root, { recursive: true, mode: 0o700 });
      const store = await openDirectoryObjectStore(root);
      try {
        const modes = isNew ? [] : await checkModes(dataDir, root);
        return [...(await tryStore(store, isNew ? 'DATA_DIR can be made and' : 'DATA_DIR')), ...modes];
      } finally {
        await store.close();
        await removeEmpty(join(root, PROBE_FOLDER));
      }
    } catch (error) {
      return [describeStoreError(error)];
    } finally {
      if (firstMade !== undefined) await removeMade(root, firstMade);
    }
  },
};

/** Create, create again, read, delete. */
export async function tryStore(store: ObjectStore, subject: string): Promise<Finding[]> {
  const key = `${PROBE_FOLDER}/${randomUUID()}`;
  const body = Buffer.from('written by npm run doctor');
  const startMs = performance.now();
  try {
    const first = await store.create(key, body);
    const createMs = Math.round(10 * (performance.now() - startMs)) / 10;
    const second = await store.create(key, Buffer.from('a second writer'));
    const stored = await store.read(key);
    const facts = { create_ms: createMs, create_only: first && !second };
    if (!first || stored === null || !body.equals(stored)) {
      return [fail('store', 'an object that was stored does not read back as it was written', LINK_ADVICE, facts)];
    }
    if (second)
      return [fail('store', 'create-only does not hold: a second writer replaced an object', LINK_ADVICE, facts)];
    return [ok('store', `${subject} takes an object in ${createMs} ms; create-only holds`, facts)];
  } finally {
    await store.delete(key);
  }
}

/** `link(2)` answers EPERM, ENOTSUP or ENOSYS where the file system has no hard links. */
export function describeStoreError(error: unknown): Finding {
  const { message, code = 'unknown', syscall } = asError(error) as NodeJS.ErrnoException;
  const facts = { code, syscall: syscall ?? null };
  const needsLinks = syscall === 'link' && !hasErrorCode(error, 'EACCES') && ADVICE[code] !== ADVICE['ENOSPC'];
  if (needsLinks) return fail('store', `the file system of DATA_DIR refuses hard links (${code})`, LINK_ADVICE, facts);
  return fail('store', `DATA_DIR cannot be written: ${message}`, ADVICE[code] ?? 'Set DATA_DIR elsewhere.', facts);
}

/** Images are kept there: nobody else of this machine has to see or change them. */
async function checkModes(dataDir: string, root: string): Promise<Finding[]> {
  const modes = { data_dir: await modeOf(dataDir), objects: await modeOf(root) };
  const isOpen = ((modes.data_dir ?? 0) & 0o022) !== 0 || ((modes.objects ?? 0) & 0o077) !== 0;
  const facts = Object.fromEntries(Object.entries(modes).map(([name, mode]) => [name, mode?.toString(8) ?? null]));
  if (!isOpen) return [];
  return [
    warn(
      'store-mode',
      `other users of this machine can reach the images (modes: DATA_DIR ${facts['data_dir']}, objects ${facts['objects']})`,
      'chmod 700 DATA_DIR and DATA_DIR/objects.',
      facts,
    ),
  ];
}

async function modeOf(path: string): Promise<number | null> {
  return await stat(path).then(
    ({ mode }) => mode & 0o777,
    () => null,
  );
}

/** Takes away the empty folders that this check made; what a service has put there meanwhile stays. */
async function removeMade(root: string, firstMade: string): Promise<void> {
  await removeEmpty(join(root, '.spool'));
  for (let at = root; at.startsWith(firstMade); at = dirname(at)) await removeEmpty(at);
}

const removeEmpty = (folder: string) => rmdir(folder).catch(() => undefined);
