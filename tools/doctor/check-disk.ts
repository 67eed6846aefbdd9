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
    return [judgeDisk(await freeBytes(settings.dataDir))];
  },
};

export function judgeDisk(free: number): Finding {
  const facts = { free_bytes: free };
  const what = `${(free / 1e9).toFixed(1)} GB free where DATA_DIR lies`;
  if (free >= WARN_BELOW_BYTES) return ok('disk', what, facts);
  const advice = 'Free some space, or put DATA_DIR on a larger disk: every image is kept there.';
  return free < FAIL_BELOW_BYTES ? fail('disk', what, advice, facts) : warn('disk', what, advice, facts);
}

/** Where the folder lies, or the nearest one above it that exists. */
async function freeBytes(folder: string): Promise<number> {
  const found = await statfs(folder).catch((error: unknown) => {
    if (dirname(folder) === folder) throw error;
    return null;
  });
  return found === null ? await freeBytes(dirname(folder)) : found.bavail * found.bsize;
}
