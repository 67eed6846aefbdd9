import { asError } from '@touchstone/shared/process/error-code';
import { parseCalibrateOptions, USAGE, type CalibrateOptions } from './calibrate-options.ts';
import { runCalibrate } from './run-calibrate.ts';

let options: CalibrateOptions;
try {
  options = parseCalibrateOptions(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${asError(error).message}\n${USAGE}\n`);
  process.exit(2);
}
try {
  await runCalibrate(options, {
    env: process.env,
    now: new Date(),
    print: (text) => process.stdout.write(text),
  });
} catch (error) {
  process.stderr.write(`not calibrated: ${asError(error).message}\n`);
  process.exitCode = 1;
}
