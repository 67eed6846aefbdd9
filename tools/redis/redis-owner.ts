import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { endProcess, isRunning, markProcess, type ProcessMark } from '../process-mark.ts';

const FILE = 'owner.json';
const SHUTDOWN_LIMIT_MS = 10_000;

/** `owner.json` beside the data: the run that owns it and the server that has it open. */
type RedisOwner = { run: ProcessMark; server: ProcessMark };

/**
 * Two servers that append to one AOF corrupt it: refuses while the owning run lives, ends the server of a run that was
 * killed. True when there was one to end.
 */
export async function takeOverRedis(dir: string): Promise<boolean> {
  const owner = readOwner(dir);
  if (owner === null || !isRunning(owner.server)) return false;
  if (isRunning(owner.run)) {
    throw new Error(`The Redis data in ${dir} is in use by process ${owner.run.pid}.`);
  }
  await endProcess(owner.server, SHUTDOWN_LIMIT_MS);
  return true;
}

export function writeRedisOwner(dir: string, serverPid: number): void {
  const owner = { run: markProcess(process.pid), server: markProcess(serverPid) };
  writeFileSync(join(dir, FILE), JSON.stringify(owner), { mode: 0o600 });
}

export function removeRedisOwner(dir: string): void {
  rmSync(join(dir, FILE), { force: true });
}

function readOwner(dir: string): RedisOwner | null {
  try {
    const owner = JSON.parse(readFileSync(join(dir, FILE), 'utf8')) as { [K in keyof RedisOwner]: ProcessMark | null };
    return owner.run === null || owner.server === null ? null : { run: owner.run, server: owner.server };
  } catch {
    return null;
  }
}
