import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { ImportError } from '@touchstone/models/import/import-error';
import { COMMON_SETTINGS, parseEnvironment } from '@touchstone/shared/process/environment';
import { asError } from '@touchstone/shared/process/error-code';
import { parseImportOptions, USAGE, type ImportOptions } from './import-options.ts';
import { measureGolden } from './measure-golden.ts';
import { runImport } from './run-import.ts';

const root = join(import.meta.dirname, '../..');
const say = (text: string) => void process.stderr.write(`${text}\n`);

let options: ImportOptions | null;
try {
  options = parseImportOptions(process.argv.slice(2));
} catch (error) {
  say(`${asError(error).message}\n${USAGE}`);
  process.exit(2);
}
if (options === null) {
  process.stdout.write(`${USAGE}\n`);
  process.exit(0);
}
const abort = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => abort.abort());
try {
  const { DATA_DIR: dataDir } = parseEnvironment({ DATA_DIR: COMMON_SETTINGS.DATA_DIR }, process.env);
  const terminal = process.stdin.isTTY ? createInterface({ input: process.stdin, output: process.stderr }) : null;
  await runImport({
    options,
    // npm changes to the project's folder and says where it was called.
    workingFolder: process.env['INIT_CWD'] ?? process.cwd(),
    modelsFolder: join(resolve(root, dataDir), 'models'),
    user: nameOfUser(),
    importer: `touchstone import-weights, onnxruntime-node ${versionOfRuntime()}`,
    measureGolden,
    ask: terminal && ((question) => terminal.question(question, { signal: abort.signal })),
    say,
    signal: abort.signal,
  });
  process.exit(0);
} catch (error) {
  if (abort.signal.aborted) {
    say('interrupted: nothing half done is left');
    process.exit(130);
  }
  const isExpected = error instanceof ImportError || typeof (error as NodeJS.ErrnoException).code === 'string';
  say(`not imported: ${isExpected ? asError(error).message : asError(error).stack}`);
  process.exit(1);
}

function nameOfUser(): string {
  try {
    return userInfo().username;
  } catch {
    // A container may run under a number that has no name.
    return `uid ${process.getuid?.() ?? 'unknown'}`;
  }
}

function versionOfRuntime(): string {
  const text = readFileSync(join(root, 'node_modules/onnxruntime-node/package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
