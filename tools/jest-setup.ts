import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { openPrivateRedis, type PrivateRedis } from './redis/private-redis.ts';

declare global {
  var testRedis: PrivateRedis | undefined;
}

const ROOT = join(import.meta.dirname, '..');

/** Before any test: the `dist/` that a few tests start threads and children from, and one private Redis for the run. */
export default async function setup(): Promise<void> {
  buildWorkers();
  globalThis.testRedis = await openPrivateRedis({
    cacheDir: join(ROOT, '.tools/redis'),
    url: process.env['TEST_REDIS_URL'],
  });
  process.env['TEST_REDIS_URL'] = globalThis.testRedis.url;
  // Tests start the same services dozens of times: half of that is stripping types and compiling.
  process.env['NODE_COMPILE_CACHE'] ??= join(ROOT, '.tools/compile-cache');
}

/** Here and not in the tests, because two builds at the same time would write the same files. */
function buildWorkers(): void {
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  const args = [tsc, '-b', 'services/gpu-worker/tsconfig.build.json', 'services/llm-worker/tsconfig.build.json'];
  const { status, stdout } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' });
  // Tests that need no build still run; those that do say what is missing.
  if (status !== 0) process.stderr.write(`dist/ could not be built:\n${stdout}\n`);
}
