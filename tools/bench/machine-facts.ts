import { execFileSync } from 'node:child_process';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';

export type MachineFacts = {
  cpu: string;
  cores: number;
  memory_gb: number;
  node: string;
  /** Of the last minute, before the first slot. */
  load_average: number;
  /** Names of the GPUs, when there are any. */
  gpus: string[];
};

export function readMachineFacts(): MachineFacts {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memory_gb: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    load_average: readLoad(),
    gpus: readGpuNames(),
  };
}

/** Load average of the last minute. */
export const readLoad = (): number => Math.round(loadavg()[0]! * 100) / 100;

function readGpuNames(): string[] {
  try {
    const names = execFileSync('nvidia-smi', ['--query-gpu=name', '--format=csv,noheader'], {
      encoding: 'utf8',
      timeout: 10_000,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return names.split('\n').filter(Boolean);
  } catch {
    return [];
  }
}
