import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { unpackRedis } from './unpack-redis.ts';

export type RedisProgram = {
  path: string;
  /** For people: where it comes from. */
  source: string;
  /** What its process needs on top of ours. */
  env: NodeJS.ProcessEnv;
};

export type FindOptions = {
  /** Where an unpacked server is kept for the next time. */
  cacheDir: string;
  say?: (text: string) => void;
  signal?: AbortSignal | undefined;
  env?: NodeJS.ProcessEnv;
};

/** A server on PATH, else Debian's packages unpacked without root. Nothing is installed into the system. */
export async function findRedis(options: FindOptions): Promise<RedisProgram> {
  const folders = ((options.env ?? process.env)['PATH'] ?? '').split(delimiter).filter(Boolean);
  for (const name of ['valkey-server', 'redis-server', 'keydb-server']) {
    const path = await findIn(folders, name);
    if (path !== null) return { path, source: name, env: {} };
  }
  if ((await findIn(folders, 'apt-get')) === null || (await findIn(folders, 'dpkg')) === null) {
    throw new Error(`There is no Redis on PATH. ${REMEDIES}`);
  }
  try {
    return await unpackRedis(options);
  } catch (error) {
    options.signal?.throwIfAborted();
    throw new Error(
      `There is no Redis on PATH, and unpacking Debian's failed: ${(error as Error).message}\n${REMEDIES}`,
      { cause: error },
    );
  }
}

const REMEDIES =
  'Install one (apt-get install redis-server, dnf install valkey, brew install valkey) or set REDIS_URL to a running one.';

async function findIn(folders: readonly string[], name: string): Promise<string | null> {
  for (const folder of folders) {
    const path = join(folder, name);
    const found = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return path;
  }
  return null;
}
