import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

export type LogLine = { level: string; msg: string; code?: string; url?: string };

/**
 * The service as a process of its own, without Redis. `maxFileBlocks` stands for a full disk: the kernel lets it write no
 * longer file, so every write beyond fails as it would there (`ulimit -f`, blocks of 512 or 1,024 bytes).
 */
export async function spawnGateway(
  dataDir: string,
  maxFileBlocks: number | null = null,
  settings: Record<string, string> = {},
) {
  const main = new URL('../src/main.ts', import.meta.url).pathname;
  const limit = maxFileBlocks === null ? '' : `ulimit -f ${maxFileBlocks}; `;
  const command = ['-c', `${limit}exec "$@"`, 'sh', process.execPath, '--conditions=@touchstone/source', main];
  const child = spawn('/bin/sh', command, {
    env: {
      PATH: process.env['PATH'],
      REDIS_URL: 'unix:///nowhere/redis.sock',
      DATA_DIR: dataDir,
      PORT: '0',
      HOST: '127.0.0.1',
      METRICS_PORT: '0',
      LOG_LEVEL: 'info',
      ...settings,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const log: LogLine[] = [];
  const url = await new Promise<string>((resolve, reject) => {
    createInterface(child.stdout).on('line', (text) => {
      const line = JSON.parse(text) as LogLine;
      log.push(line);
      if (line.url !== undefined) resolve(line.url);
    });
    child.once('exit', () => reject(new Error('the gateway ended before it was ready')));
  });
  return {
    url,
    pid: child.pid!,
    log,
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
