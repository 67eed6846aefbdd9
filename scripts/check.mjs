// pnpm check: everything that has to be green before a commit, in the order in which it fails fastest.
import { spawnSync } from 'node:child_process';

const jest = [
  '--experimental-vm-modules',
  '--conditions=@touchstone/source',
  '--disable-warning=ExperimentalWarning',
  'node_modules/jest/bin/jest.js',
];
const steps = [
  { name: 'types', command: 'tsc', args: [] },
  { name: 'lint', command: 'oxlint', args: ['--type-aware', '--deny-warnings'] },
  { name: 'format', command: 'prettier', args: ['--check', '--log-level', 'warn', '.'] },
  { name: 'unused code', command: 'knip', args: [] },
  { name: 'build', command: 'tsc', args: ['-b', 'tsconfig.build.json'] },
  { name: 'tests', command: process.execPath, args: jest },
];
for (const { name, command, args } of steps) {
  const started = Date.now();
  const { status, error } = spawnSync(command, args, { stdio: 'inherit' });
  if (status !== 0) {
    console.error(`check: ${name} failed${error ? `: ${error.message}` : ''}`);
    process.exit(1);
  }
  console.error(`check: ${name} ok (${((Date.now() - started) / 1000).toFixed(1)} s)`);
}
