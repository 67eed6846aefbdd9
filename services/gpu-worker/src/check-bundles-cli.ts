import { asError } from '@touchstone/shared/process/error-code';
import { checkBundles } from './check-bundles.ts';
import { loadConfig } from './config.ts';

/** Prints one JSON document about the configured bundles. Exit code 1 when a slot of this worker would be empty. */
try {
  // A worker needs a Redis, its bundles do not.
  const check = await checkBundles(loadConfig({ ...process.env, REDIS_URL: 'unix:///unused' }));
  process.stdout.write(`${JSON.stringify(check)}\n`);
  if (check.slots.some(({ problem }) => problem !== null)) process.exitCode = 1;
} catch (error) {
  process.stderr.write(`${asError(error).message}\n`);
  process.exitCode = 1;
}
