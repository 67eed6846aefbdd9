import { totalmem } from 'node:os';
import { ok, warn, type Finding } from './finding.ts';
import type { Check } from './run-checks.ts';

const WARN_BELOW_BYTES = 2 * 2 ** 30;

export const checkMemory: Check = {
  id: 'memory',
  timeoutMs: 5_000,
  // Unlike `os.freemem`, it knows the limit of a container.
  run: async () => [judgeMemory(process.availableMemory(), totalmem())],
};

export function judgeMemory(availableBytes: number, totalBytes: number): Finding {
  const facts = { available_bytes: availableBytes, total_bytes: totalBytes };
  const what = `${gibibytes(availableBytes)} of memory available`;
  if (availableBytes >= WARN_BELOW_BYTES) return ok('memory', what, facts);
  return warn(
    'memory',
    `${what}, less than ${gibibytes(WARN_BELOW_BYTES)}`,
    'Give the machine or container more memory, or lower PREPARER_PROCESSES to 1.',
    facts,
  );
}

const gibibytes = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
