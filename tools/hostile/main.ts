import { asError } from '@touchstone/shared/process/error-code';
import { parseHostileOptions, USAGE, type HostileOptions } from './hostile-options.ts';
import { runHostile } from './run-hostile.ts';

let options: HostileOptions;
try {
  options = parseHostileOptions(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${asError(error).message}\n${USAGE}\n`);
  process.exit(2);
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130));
try {
  const isKept = await runHostile(
    options,
    (text) => process.stdout.write(text),
    (text) => process.stderr.write(`${text}\n`),
  );
  process.exit(isKept ? 0 : 1);
} catch (error) {
  process.stderr.write(`the run failed: ${asError(error).stack}\n`);
  process.exit(1);
}
