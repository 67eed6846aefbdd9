import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { endProcess, isRunning, markProcess, type ProcessMark } from '../process-mark.ts';

const FILE = 'owner.json';
const SHUTDOWN_LIMIT_MS = 10_000;

/** What the folder of every server's socket begins with. */
export const SOCKET_DIR_PREFIX = 'ts-redis-';

/** `owner.json` beside the data: the run that owns it, the server that has it open and the folder of its socket. */
type RedisOwner = { run: ProcessMark; server: ProcessMark; socketDir: string };

/**
 * Two servers that append to one AOF corrupt it: refuses while the owning run lives, ends the server of a run that was
 * killed and removes the folder of its socket. True when there was a server to end.
 */
export async function takeOverRedis(dir: string): Promise<boolean> {
  const owner = readOwner(dir);
  if (owner === null) return false;
  const hasServer = isRunning(owner.server);
  const hasRun = isRunning(owner.run);
  if (hasServer && hasRun) throw new Error(`The Redis data in ${dir} is in use by process ${owner.run.pid}.`);
  if (hasServer) await endProcess(owner.server, SHUTDOWN_LIMIT_MS);
  if (!hasRun && basename(owner.socketDir).startsWith(SOCKET_DIR_PREFIX)) {
    rmSync(owner.socketDir, { recursive: true, force: true });
  }
  return hasServer;
}

export function writeRedisOwner(dir: string, serverPid: number, socketDir: string): void {
  const owner = { run: markProcess(process.pid), server: markProcess(serverPid), socketDir };
  writeFileSync(join(dir, FILE), JSON.stringify(owner), { mode: 0o600 });
}

export function removeRedisOwner(dir: string): void {
  rmSync(join(dir, FILE), { force: true });
}

function readOwner(dir: string): RedisOwner | null {
  try {
    const {
      run,
      server,
      socketDir = '',
    } = JSON.parse(readFileSync(join(dir, FILE), 'utf8')) as {
      run: ProcessMark | null;
      server: ProcessMark | null;
      /** Not in the files of an older version. */
      socketDir?: string;
    };
    return run === null || server === null ? null : { run, server, socketDir };
  } catch {
    return null;
  }
}
