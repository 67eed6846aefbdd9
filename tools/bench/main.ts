import { asError } from '@touchstone/shared/process/error-code';
import { parseBenchOptions, USAGE, type BenchOptions } from './bench-options.ts';
import { runBench } from './run-bench.ts';

let options: BenchOptions;
try {
  options = parseBenchOptions(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${asError(error).message}\n${USAGE}\n`);
  process.exit(2);
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130));
try {
  const isKept = await runBench(
    options,
    (text) => process.stdout.write(text),
    (text) => process.stderr.write(`${text}\n`),
  );
  process.exit(isKept || options.isQuick ? 0 : 1);
} catch (error) {
  process.stderr.write(`the bench failed: ${asError(error).stack}\n`);
  process.exit(1);
}
