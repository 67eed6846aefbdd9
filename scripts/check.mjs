// pnpm check: everything that has to be green before a commit, in the order in which it fails fastest.
import { spawnSync } from 'node:child_process';

const steps = [
  ['types', 'tsc', []],
  ['lint', 'oxlint', ['--type-aware', '--deny-warnings']],
  ['format', 'prettier', ['--check', '--log-level', 'warn', '.']],
  ['unused code', 'knip', []],
  ['build', 'tsc', ['-b', 'tsconfig.build.json']],
  [
    'tests',
    process.execPath,
    [
      '--experimental-vm-modules',
      '--conditions=@touchstone/source',
      '--disable-warning=ExperimentalWarning',
      'node_modules/jest/bin/jest.js',
    ],
  ],
];
for (const [name, command, args] of steps) {
  const started = Date.now();
  const { status, error } = spawnSync(command, args, { stdio: 'inherit' });
  if (status !== 0) {
    console.error(`check: ${name} failed${error ? `: ${error.message}` : ''}`);
    process.exit(1);
  }
  console.error(`check: ${name} ok (${((Date.now() - started) / 1000).toFixed(1)} s)`);
}
