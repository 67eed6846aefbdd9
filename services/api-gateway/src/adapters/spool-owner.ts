import { createHash } from 'node:crypto';
import { readFile, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { hasErrorCode } from '@touchstone/shared/process/error-code';

/** Who writes into a spool. Pids mean something only within their space: other machines and containers have the same. */
export type SpoolOwner = { space: string; pid: number; start: string };

/** Where there is no `/proc` to tell when a process started. */
const NO_START = '0';
const NAME = /^([0-9a-f]{12})-(\d{1,10})-(\d{1,20})\./;

/** This process. */
export async function readSpoolOwner(): Promise<SpoolOwner> {
  const marks = await Promise.all([
    readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => ''),
    readlink('/proc/self/ns/pid').catch(() => ''),
  ]);
  const space = createHash('sha256')
    .update([hostname(), ...marks].join('\n'))
    .digest('hex')
    .slice(0, 12);
  return { space, pid: process.pid, start: (await readStart(process.pid)) ?? NO_START };
}

/** What the names of this owner's files start with. */
export const prefixOf = ({ space, pid, start }: SpoolOwner) => `${space}-${pid}-${start}.`;

/** Whether the file belongs to a process of our own space that is no more. Of others nothing can be known here. */
export async function isOrphan(name: string, own: SpoolOwner): Promise<boolean> {
  const [, space, pid, start] = NAME.exec(name) ?? [];
  if (space !== own.space || start === undefined) return false;
  if (own.start === NO_START) return !isAlive(Number(pid));
  // A pid is given again after a while, but not with the same start.
  return (await readStart(Number(pid))) !== start;
}

/** proc(5), field 22 of `stat`: ticks between the boot and the start. The name before it may hold spaces and brackets. */
async function readStart(pid: number): Promise<string | null> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  return stat === null ? null : (stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return !hasErrorCode(error, 'ESRCH');
  }
}
