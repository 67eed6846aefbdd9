import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/**
 * Compiles a library of `preload/` into `folder` and gives its path; null where there is no C compiler, or no Linux for
 * its like.
 */
export function buildPreload(name: 'synced-size' | 'shifted-clock', folder: string): string | null {
  if (process.platform !== 'linux') return null;
  const source = join(import.meta.dirname, `../preload/${name}.c`);
  const library = join(folder, `${name}.so`);
  const { status } = spawnSync('cc', ['-shared', '-fPIC', '-O2', '-o', library, source, '-ldl'], {
    stdio: 'ignore',
    timeout: 30_000,
  });
  return status === 0 ? library : null;
}
