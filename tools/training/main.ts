import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { asError } from '@touchstone/shared/process/error-code';
import { findPython } from './find-python.ts';
import { runSmoke } from './run-smoke.ts';

const say = (line: string) => process.stdout.write(`train:smoke: ${line}\n`);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130));

const shared = process.env['TOUCHSTONE_SHARED'] ?? resolve(import.meta.dirname, '../../../shared');
const dataFolder = resolve(process.env['TRAINING_DATA'] ?? join(shared, 'data'));
const { python, reason } = findPython(process.env);
if (python === null) {
  say(`skipped: ${reason} (TRAINING_PYTHON names another; tools/training/README.md says what to install)`);
} else if (!existsSync(join(dataFolder, 'faces/dfdc/manifest.csv'))) {
  say('skipped: no training data (TRAINING_DATA names its folder)');
} else {
  const outFolder = await mkdtemp(join(tmpdir(), 'train-smoke-'));
  try {
    await runSmoke({ python, dataFolder, outFolder, say });
    say('passed');
  } catch (error) {
    say(`failed: ${asError(error).message}`);
    process.exitCode = 1;
  } finally {
    await rm(outFolder, { recursive: true });
  }
}
