import { mkdir, rmdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { asError, hasErrorCode } from '@touchstone/shared/process/error-code';
import { openDirectoryObjectStore } from '@touchstone/shared/storage/directory-object-store';
import {
  OBJECT_STORE_SETTINGS,
  objectStoreSettings,
  type S3Settings,
} from '@touchstone/shared/storage/open-object-store';
import { parseEnvironment } from '@touchstone/shared/process/environment';
import { checkBucket } from './check-bucket.ts';
import { fail, skip, warn, type Finding } from './finding.ts';
import type { Check } from './run-checks.ts';
import { PROBE_FOLDER, tryStore } from './try-store.ts';

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
  // A bucket that does not answer says so itself, call by call.
  timeoutMs: 45_000,
  async run({ settings: { dataDir }, env }) {
    const bucket = bucketOf(env, dataDir);
    if (bucket === 'refused') return [skip('store', 'not tried: the settings of the bucket are refused')];
    return bucket === null ? checkDirectory(dataDir) : checkBucket(bucket);
  },
};

/** Null: objects lie in `DATA_DIR`. */
function bucketOf(env: NodeJS.ProcessEnv, dataDir: string): S3Settings | 'refused' | null {
  try {
    return objectStoreSettings({ ...parseEnvironment(OBJECT_STORE_SETTINGS, env), DATA_DIR: dataDir }).s3;
  } catch {
    return 'refused';
  }
}

async function checkDirectory(dataDir: string): Promise<Finding[]> {
  const isNew = (await modeOf(dataDir)) === null;
  const root = join(dataDir, 'objects');
  let firstMade: string | undefined;
  try {
    firstMade = await mkdir(root, { recursive: true, mode: 0o700 });
    const store = await openDirectoryObjectStore(root);
    try {
      const modes = isNew ? [] : await checkModes(dataDir, root);
      const subject = isNew ? 'DATA_DIR can be made and' : 'DATA_DIR';
      const told = { subject, writeAdvice: LINK_ADVICE, createOnlyAdvice: LINK_ADVICE };
      return [...(await tryStore(store, told)), ...modes];
    } finally {
      await store.close();
      await removeEmpty(join(root, PROBE_FOLDER));
    }
  } catch (error) {
    return [describeStoreError(error)];
  } finally {
    if (firstMade !== undefined) await removeMade(root, firstMade);
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
