import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fail, ok, warn, type Finding } from './finding.ts';
import type { Check } from './run-checks.ts';

const WARN_BELOW_BYTES = 5e9;
const FAIL_BELOW_BYTES = 500e6;

export const checkDisk: Check = {
  id: 'disk',
  timeoutMs: 5_000,
  async run({ settings }) {
    const { bavail, bsize } = await statNearest(settings.dataDir);
    return [judgeDisk(bavail * bsize)];
  },
};

export function judgeDisk(freeBytes: number): Finding {
  const facts = { free_bytes: freeBytes };
  const what = `${(freeBytes / 1e9).toFixed(1)} GB free where DATA_DIR lies`;
  if (freeBytes >= WARN_BELOW_BYTES) return ok('disk', what, facts);
  const advice = 'Free some space, or put DATA_DIR on a larger disk: every image is kept there.';
  return freeBytes < FAIL_BELOW_BYTES ? fail('disk', what, advice, facts) : warn('disk', what, advice, facts);
}

/** Of the folder, or of the nearest one above it that exists. */
async function statNearest(folder: string): ReturnType<typeof statfs> {
  return await statfs(folder).catch((error: unknown) => {
    if (dirname(folder) === folder) throw error;
    return statNearest(dirname(folder));
  });
}
