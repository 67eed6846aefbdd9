import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { residentBytesOfTree } from '../bench/cpu-of-process.ts';
import { readRunFile } from '../start/run-file.ts';

/** What a system on this machine cost while it was watched. */
export type SystemUse = {
  /** Processes that the supervisor had to start again, by role. */
  restarts: Record<string, number>;
  /** Preparers that were lost with an image. */
  lostPreparers: number;
  /** Resident memory in bytes, by role; of the gpu-worker with its preparers. */
  idleBytes: Record<string, number>;
  peakBytes: Record<string, number>;
};

export type SystemWatch = {
  /** Takes what is used now for idle. */
  markIdle(): void;
  /** Forgets the peaks. */
  restartPeaks(): void;
  use(): SystemUse;
  stop(): void;
};

const SAMPLE_EVERY_MS = 100;
const LOST = 'lost a child with its image';

/** Watches the processes that `run.json` names. */
export function watchSystem(dataDir: string): SystemWatch {
  const processes = () => readRunFile(join(dataDir, 'run.json'))?.processes ?? [];
  const restartsAtFirst = new Map(processes().map(({ role, restarts }) => [role, restarts]));
  const lostAtFirst = countLost(dataDir);
  let idleBytes: Record<string, number> = {};
  let peakBytes: Record<string, number> = {};
  const read = () =>
    Object.fromEntries(
      processes().flatMap(({ role, pid }) => {
        if (pid === null) return [];
        const { own, children } = residentBytesOfTree(pid);
        return [[role, own + children]];
      }),
    );
  const sample = () => {
    for (const [role, bytes] of Object.entries(read())) peakBytes[role] = Math.max(peakBytes[role] ?? 0, bytes);
  };
  const sampling = setInterval(sample, SAMPLE_EVERY_MS);
  return {
    markIdle() {
      idleBytes = read();
      peakBytes = { ...idleBytes };
    },
    restartPeaks() {
      peakBytes = read();
    },
    use() {
      sample();
      const restarts = processes().map(({ role, restarts: count }) => [role, count - (restartsAtFirst.get(role) ?? 0)]);
      return {
        restarts: Object.fromEntries(restarts) as Record<string, number>,
        lostPreparers: countLost(dataDir) - lostAtFirst,
        idleBytes: { ...idleBytes },
        peakBytes: { ...peakBytes },
      };
    },
    stop: () => clearInterval(sampling),
  };
}

function countLost(dataDir: string): number {
  const folder = join(dataDir, 'logs');
  return readdirSync(folder)
    .filter((name) => name.includes('gpu-worker'))
    .map((name) => readFileSync(join(folder, name), 'utf8').split(LOST).length - 1)
    .reduce((sum, count) => sum + count, 0);
}
