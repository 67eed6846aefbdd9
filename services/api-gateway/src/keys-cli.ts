import { asError } from '@touchstone/shared/process/error-code';
import { loadKeysFile } from './config.ts';
import { runKeysCommand } from './run-keys-command.ts';

try {
  process.stdout.write(`${await runKeysCommand(process.argv.slice(2), loadKeysFile(process.env))}\n`);
} catch (error) {
  process.stderr.write(`${asError(error).message}\n`);
  process.exitCode = 1;
}
