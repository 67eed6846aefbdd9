import { open, readFile, rename, stat, unlink } from 'node:fs/promises';
import { z } from 'zod';
import { hasErrorCode } from '@touchstone/shared/process/error-code';
import type { KeyRing } from '../core/access.ts';
import { ApiKeyRecord } from '../core/api-key.ts';

const ApiKeysFile = z.array(ApiKeyRecord);
/** A change of the file, a revocation above all, counts within 5 s; contract.md section 3. */
const LOOK_EVERY_MS = 1_000;

export type ApiKeys = { current(): Promise<KeyRing> };

/**
 * The keys of a file, read again when it changes. What cannot be read leaves the last state as it is, and a file that
 * disappears after it held keys leaves every key invalid: neither may open a service that was closed.
 */
export async function openApiKeys(path: string, onError: (error: Error) => void): Promise<ApiKeys> {
  let ring: KeyRing = { hasKeys: false, records: [] };
  let seen = await versionOf(path);
  let lookedMs = performance.now();
  let looking: Promise<void> | null = null;
  const take = async () => {
    const records = await readApiKeys(path);
    ring = { hasKeys: ring.hasKeys || records.length > 0, records };
  };
  const look = async () => {
    try {
      const version = await versionOf(path);
      if (version === seen) return;
      await take();
      seen = version;
    } catch (error) {
      onError(new Error('the API keys cannot be read; those of before still count', { cause: error }));
    } finally {
      lookedMs = performance.now();
      looking = null;
    }
  };
  await take();
  return {
    async current() {
      if (performance.now() - lookedMs > LOOK_EVERY_MS) await (looking ??= look());
      return ring;
    },
  };
}

/** Empty when there is no file. */
export async function readApiKeys(path: string): Promise<ApiKeyRecord[]> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return [];
    throw error;
  }
  const parsed = ApiKeysFile.safeParse(JSON.parse(text));
  if (!parsed.success) throw new Error(`the API keys do not fit their schema: ${parsed.error.message}`);
  return parsed.data;
}

/**
 * Replaces the list as a whole: a reader sees the old or the new one. The file in the making is the lock, so that of two
 * commands at once neither is lost; one that was killed leaves it, and the error then says what to remove.
 */
export async function changeApiKeys(path: string, change: (records: ApiKeyRecord[]) => ApiKeyRecord[]): Promise<void> {
  const draft = `${path}.new`;
  const file = await open(draft, 'wx', 0o600).catch((error: unknown) => {
    if (!hasErrorCode(error, 'EEXIST')) throw error;
    throw new Error(`another change of the keys is underway; if that is not so, remove ${draft}`);
  });
  try {
    const records = ApiKeysFile.parse(change(await readApiKeys(path)));
    await file.writeFile(`${JSON.stringify(records, null, 2)}\n`);
    await file.datasync();
    await rename(draft, path);
  } catch (error) {
    await unlink(draft).catch(() => undefined);
    throw error;
  } finally {
    await file.close();
  }
}

/** Changes with every rename onto the path and with every edit in place. */
async function versionOf(path: string): Promise<string> {
  try {
    const { ino, mtimeMs, size } = await stat(path);
    return `${ino} ${mtimeMs} ${size}`;
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return 'absent';
    throw error;
  }
}
