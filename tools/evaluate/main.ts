import { asError } from '@touchstone/shared/process/error-code';
import { parseEvaluateOptions, USAGE, type EvaluateOptions } from './evaluate-options.ts';
import { runEvaluate } from './run-evaluate.ts';

let options: EvaluateOptions;
try {
  options = parseEvaluateOptions(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${asError(error).message}\n${USAGE}\n`);
  process.exit(2);
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130));
try {
  await runEvaluate(options, process.env);
} catch (error) {
  process.stderr.write(`the evaluation failed: ${asError(error).message}\n`);
  process.exitCode = 1;
}
