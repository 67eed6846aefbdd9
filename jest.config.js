import { existsSync } from 'node:fs';

const here = import.meta.dirname;
/** A package keeps its tests in src/ and tests/; tools/ and tests/e2e are searched whole. */
const rootsOf = (path) => {
  const parts = ['src', 'tests'].map((part) => `${here}/${path}/${part}`).filter((dir) => existsSync(dir));
  return parts.length > 0 ? parts : [`${here}/${path}`];
};

/** One jest project per folder; sources are loaded directly, so nothing is built before a test. */
const project = (path) => ({
  displayName: path.split('/').at(-1),
  rootDir: here,
  roots: rootsOf(path),
  testMatch: ['**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  testPathIgnorePatterns: ['/node_modules/', '/dist/'],
  testEnvironment: './tools/jest-environment.js',
  testEnvironmentOptions: { customExportConditions: ['node', 'node-addons', '@touchstone/source'] },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2024', parser: { syntax: 'typescript' } }, module: { type: 'es6' } },
    ],
  },
});

/** @type {import('jest').Config} */
export default {
  projects: [
    'packages/shared',
    'packages/models',
    'packages/imaging',
    'packages/fusion',
    'services/api-gateway',
    'services/gpu-worker',
    'services/aggregator',
    'services/llm-worker',
    'tools',
    'tests/e2e',
  ]
    .filter((path) => existsSync(`${here}/${path}`))
    .map(project),
  globalSetup: './tools/jest-setup.ts',
  globalTeardown: './tools/jest-teardown.ts',
  testSequencer: './tools/jest-sequencer.js',
  reporters: ['default', './tools/jest-plain-summary.js'],
  testTimeout: 30_000,
  // One more than the cores of a small machine: two workers kept two cores busy for 64 % of a run (measured), because
  // much of it is waiting for processes and for clocks.
  maxWorkers: 3,
};
