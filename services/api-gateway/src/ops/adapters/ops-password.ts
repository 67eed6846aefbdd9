import { randomBytes, randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { hasErrorCode } from '@touchstone/shared/process/error-code';

export type OpsPassword = {
  text: string;
  /** True at the first start. */
  isNew: boolean;
  /** Whether others on this machine may read the file. */
  isExposed: boolean;
};

const PASSWORD_BYTES = 24;
const MIN_CHARS = 16;

/** Reads the password of the operators, and makes one when there is none. Two starts at once agree on one. */
export async function loadOpsPassword(path: string): Promise<OpsPassword> {
  const known = await readPassword(path);
  if (known !== null) return { ...known, isNew: false };
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${randomUUID()}`;
  await writeFile(draft, `${randomBytes(PASSWORD_BYTES).toString('base64url')}\n`, { mode: 0o600, flag: 'wx' });
  let isNew = true;
  try {
    // A link fails where a rename would replace: the first one stands, and nobody reads half of it.
    await link(draft, path);
  } catch (error) {
    if (!hasErrorCode(error, 'EEXIST')) throw error;
    isNew = false;
  } finally {
    await rm(draft, { force: true });
  }
  const made = await readPassword(path);
  if (made === null) throw new Error('OPS_PASSWORD_FILE vanished while it was being made');
  return { ...made, isNew };
}

async function readPassword(path: string): Promise<Omit<OpsPassword, 'isNew'> | null> {
  try {
    const text = (await readFile(path, 'utf8')).trim();
    if (text.length < MIN_CHARS) {
      throw new Error(`OPS_PASSWORD_FILE holds fewer than ${MIN_CHARS} characters: delete the file to get a new one`);
    }
    return { text, isExposed: ((await stat(path)).mode & 0o077) !== 0 };
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return null;
    throw error;
  }
}
