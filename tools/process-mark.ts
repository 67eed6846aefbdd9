import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** A process, told apart from a later one that got the same pid: after a reboot or in a container pids repeat. */
export type ProcessMark = { pid: number; born: string };

/** Null when there is no such process, or only its zombie. */
export function markProcess(pid: number): ProcessMark | null {
  const born = existsSync('/proc/self/stat') ? birthFromProc(pid) : birthFromPs(pid);
  return born === null ? null : { pid, born };
}

export function isRunning(mark: ProcessMark): boolean {
  return markProcess(mark.pid)?.born === mark.born;
}

/** Asks a process to end, and its whole group by force when it has not within `graceMs`. */
export async function endProcess(mark: ProcessMark, graceMs: number): Promise<void> {
  if (!isRunning(mark)) return;
  signalProcess(mark.pid, 'SIGTERM');
  const deadline = Date.now() + graceMs;
  while (isRunning(mark)) {
    if (Date.now() > deadline) signalGroup(mark.pid, 'SIGKILL');
    await delay(20);
  }
}

/** False when it is gone already. */
export function signalProcess(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

/** Reaches what a process spawned too, when it leads a group of its own. */
export function signalGroup(leader: number, signal: NodeJS.Signals): boolean {
  return signalProcess(-leader, signal) || signalProcess(leader, signal);
}

/** Field 22 of proc(5) `stat`: start time in clock ticks since boot. The command, field 2, may hold spaces and `)`. */
function birthFromProc(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? null : (fields[19] ?? null);
  } catch {
    return null;
  }
}

function birthFromPs(pid: number): string | null {
  const { stdout } = spawnSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], { encoding: 'utf8', timeout: 5_000 });
  const [, state = 'Z', born = ''] = /^\s*(\S+)\s+(.*\S)/.exec(stdout ?? '') ?? [];
  return state.startsWith('Z') ? null : born;
}
