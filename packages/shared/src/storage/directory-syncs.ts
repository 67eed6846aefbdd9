import { open } from 'node:fs/promises';

/** Makes the names in a directory survive a power loss. */
export type SyncDirectory = (path: string) => Promise<void>;

/**
 * One sync of a directory at a time. A sync that runs may have begun too early for who comes now: it shares the next
 * one with all who come until that begins.
 */
export function shareDirectorySyncs(sync: SyncDirectory = syncDirectory): SyncDirectory {
  const running = new Map<string, Promise<void>>();
  const next = new Map<string, Promise<void>>();
  const begin = (path: string) => {
    const run = sync(path).finally(() => {
      if (running.get(path) === run) running.delete(path);
    });
    running.set(path, run);
    return run;
  };
  return (path) => {
    const before = running.get(path);
    if (before === undefined) return begin(path);
    const planned = next.get(path);
    if (planned !== undefined) return planned;
    const go = () => {
      next.delete(path);
      return begin(path);
    };
    const shared = before.then(go, go);
    next.set(path, shared);
    return shared;
  };
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
