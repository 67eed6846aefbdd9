import { asError } from '@touchstone/shared/process/error-code';
import { parseChaosOptions, USAGE, type ChaosOptions } from './chaos-options.ts';
import { runChaos } from './run-chaos.ts';

let options: ChaosOptions;
try {
  options = parseChaosOptions(process.argv.slice(2), Date.now());
} catch (error) {
  process.stderr.write(`${asError(error).message}\n${USAGE}\n`);
  process.exit(2);
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130));
try {
  const isKept = await runChaos(
    options,
    (line) => process.stdout.write(line),
    (text) => process.stderr.write(`${text}\n`),
  );
  process.exit(isKept ? 0 : 1);
} catch (error) {
  process.stderr.write(`the chaos suite failed: ${asError(error).stack}\n`);
  process.exit(1);
}
