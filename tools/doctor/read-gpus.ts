import { execFile } from 'node:child_process';

const PROGRAM = 'nvidia-smi';
const ANSWER_LIMIT_MS = 5_000;

/** What `nvidia-smi` lists, a line for each GPU; null when it is not there or does not answer. */
export function readGpus(env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<string[] | null> {
  return new Promise((resolve) => {
    execFile(
      PROGRAM,
      ['--query-gpu=name,driver_version,memory.total', '--format=csv,noheader'],
      { env, signal, timeout: ANSWER_LIMIT_MS, killSignal: 'SIGKILL', encoding: 'utf8' },
      (error, stdout) => resolve(error ? null : stdout.trim().split('\n').filter(Boolean)),
    );
  });
}
