import { randomBytes, randomUUID } from 'node:crypto';
import { link, mkdir, open, readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { hasErrorCode } from '../process/error-code.ts';

/** Keys of 32 bytes. The first seals and signs; all open, and their public halves are published. */
export type SecretKeys = readonly Uint8Array[];

const FILE = 'secret-key';
const KEY_BYTES = 32;
const BASE64_LENGTH = 44;

/**
 * The keys of the setting or, without one, those of `secret-key` in `DATA_DIR`, which is made when absent. Processes on
 * several machines need the setting: each would make a file of its own. Error texts never hold a key.
 */
export async function loadSecretKeys(setting: string | undefined, dataDir: string): Promise<SecretKeys> {
  if (setting !== undefined && setting !== '') return parseSecretKeys(setting, 'SECRET_KEY');
  const path = join(dataDir, FILE);
  const text = (await readIfThere(path)) ?? (await makeKeyFile(dataDir, path));
  return parseSecretKeys(text, `the file ${FILE} in DATA_DIR`);
}

function parseSecretKeys(text: string, place: string): SecretKeys {
  return text
    .trim()
    .split(/\s*,\s*/)
    .map((part, i) => {
      const key = Buffer.from(part, 'base64');
      const isWhole = key.length === KEY_BYTES && part.length === BASE64_LENGTH && key.toString('base64') === part;
      if (!isWhole) throw new Error(`${place}: key ${i + 1} is not base64 of ${KEY_BYTES} bytes`);
      return key;
    });
}

async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return null;
    throw error;
  }
}

/**
 * Of several processes that start at once one wins the `link`, and all use its key. It never shows half written, and it
 * is on disk before anything is sealed with it: a key that a power loss took away would take every secret along.
 */
async function makeKeyFile(dataDir: string, path: string): Promise<string> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const draft = `${path}.${randomUUID()}`;
  try {
    const file = await open(draft, 'wx', 0o600);
    try {
      await file.writeFile(`${randomBytes(KEY_BYTES).toString('base64')}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await link(draft, path).catch((error: unknown) => {
      if (!hasErrorCode(error, 'EEXIST')) throw error;
    });
  } finally {
    await unlink(draft).catch(() => undefined);
  }
  const folder = await open(dataDir, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
  return readFile(path, 'utf8');
}
