import { spawnSync } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { hasErrorCode } from '@touchstone/shared/process/error-code';

/** A file system of its own that can be filled up. */
export type SmallDisk = {
  path: string;
  /** Writes a file until nothing more fits. */
  fill(): void;
  /** Takes that file away. */
  free(): Promise<void>;
  close(): Promise<void>;
};

const BLOCK = Buffer.alloc(65_536);
const LAST_BLOCK = Buffer.alloc(512);

/** Null where this user may not mount a tmpfs. */
export async function mountSmallDisk(path: string, megabytes: number): Promise<SmallDisk | null> {
  await mkdir(path, { recursive: true });
  const run = (program: string, args: string[]) =>
    spawnSync(program, args, { stdio: 'ignore', timeout: 10_000 }).status === 0;
  if (!run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=700`, 'tmpfs', path])) return null;
  const ballast = join(path, 'ballast');
  return {
    path,
    fill() {
      const file = openSync(ballast, 'a');
      for (const block of [BLOCK, LAST_BLOCK]) {
        try {
          while (writeSync(file, block) > 0);
        } catch (error) {
          if (!hasErrorCode(error, 'ENOSPC')) throw error;
        }
      }
      closeSync(file);
    },
    free: () => rm(ballast, { force: true }),
    async close() {
      // Lazily: a process that is being killed may still have a file open.
      run('umount', ['-l', path]);
    },
  };
}
