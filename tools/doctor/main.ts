import { join } from 'node:path';
import { CHECKS } from './checks.ts';
import { runDoctor } from './run-doctor.ts';

const exitCode = await runDoctor({
  args: process.argv.slice(2),
  root: join(import.meta.dirname, '../..'),
  env: process.env,
  checks: CHECKS,
  stdout: process.stdout,
  stderr: process.stderr,
});
// A check that hangs must not keep the process; what is written to a pipe has to leave first.
await new Promise((resolve) => process.stdout.write('', resolve));
process.exit(exitCode);
