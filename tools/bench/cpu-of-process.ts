import { readdirSync, readFileSync } from 'node:fs';

/** proc(5): times in `stat` are in units of USER_HZ, which is 100 on every Linux that Node runs on. */
const MS_PER_TICK = 10;

export type ProcessStat = {
  parentPid: number;
  /** Of the process itself and of its threads. */
  cpuMs: number;
  /** Of children that have ended and were waited for, with theirs. */
  endedChildrenMs: number;
};

/** Reads one line of `/proc/PID/stat`. The command, field 2, may hold spaces and `)`. */
export function parseProcessStat(line: string): ProcessStat {
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  // The first one here is field 3 of proc(5).
  const field = (number: number) => Number(fields[number - 3]);
  return {
    parentPid: field(4),
    cpuMs: (field(14) + field(15)) * MS_PER_TICK,
    endedChildrenMs: (field(16) + field(17)) * MS_PER_TICK,
  };
}

export type TreeUse = { own: number; children: number };

/**
 * CPU time in ms of a process and of everything that it started. A child that ends goes on counting, because its
 * parent waits for it: differences stay true when a preparer is replaced.
 */
export function cpuMsOfTree(pid: number): TreeUse {
  const all = readAllStats();
  const root = all.get(pid);
  if (root === undefined) throw new Error(`there is no process ${pid} any more`);
  let children = root.endedChildrenMs;
  for (const child of descendantsOf(pid, all)) {
    const { cpuMs, endedChildrenMs } = all.get(child)!;
    children += cpuMs + endedChildrenMs;
  }
  return { own: root.cpuMs, children };
}

/** Resident memory in bytes of a process, and of everything below it. */
export function residentBytesOfTree(pid: number): TreeUse {
  let children = 0;
  for (const child of descendantsOf(pid, readAllStats())) children += residentBytes(child);
  return { own: residentBytes(pid), children };
}

function residentBytes(pid: number): number {
  try {
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) * 1_024;
  } catch {
    return 0;
  }
}

function readAllStats(): Map<number, ProcessStat> {
  const stats = new Map<number, ProcessStat>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      stats.set(Number(name), parseProcessStat(readFileSync(`/proc/${name}/stat`, 'latin1')));
    } catch {
      // It has just ended.
    }
  }
  return stats;
}

function descendantsOf(pid: number, all: ReadonlyMap<number, ProcessStat>): number[] {
  const found: number[] = [];
  for (let parents = [pid]; parents.length > 0;) {
    const next = [...all].filter(([, { parentPid }]) => parents.includes(parentPid)).map(([child]) => child);
    found.push(...next);
    parents = next;
  }
  return found;
}
