import { statfs } from 'node:fs/promises';
import type { DiskSpace } from '../core/describe-system.ts';

/** Space that an ordinary user can still fill. */
export async function readDiskSpace(path: string): Promise<DiskSpace> {
  const { bavail, blocks, bsize } = await statfs(path);
  return { freeBytes: bavail * bsize, sizeBytes: blocks * bsize };
}
