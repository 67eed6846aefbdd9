import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isAtLeast } from './at-least.ts';
import { fail, ok, warn, type Finding } from './finding.ts';
import type { Check } from './run-checks.ts';

/** The line of Node that all tests run on. */
const TESTED_MAJOR = 24;

export const checkNode: Check = {
  id: 'node',
  timeoutMs: 5_000,
  async run({ root }) {
    const { engines } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { engines: { node: string } };
    return [judgeNode(process.version, engines.node)];
  },
};

/** `engines` is the range of package.json, a bare lower bound. */
export function judgeNode(version: string, engines: string): Finding {
  const minimum = engines.replace('>=', '');
  const facts = { version, minimum, tested_major: TESTED_MAJOR, path: process.execPath };
  const advice = `Run it as \`npm run doctor\` and \`npm start\`, which bring Node ${TESTED_MAJOR}.`;
  if (!isAtLeast(version, minimum)) return fail('node', `Node ${version} is older than ${minimum}`, advice, facts);
  if (Number(/\d+/.exec(version)?.[0]) !== TESTED_MAJOR) {
    return warn('node', `Node ${version} is not the tested line, ${TESTED_MAJOR}`, advice, facts);
  }
  return ok('node', `Node ${version}, the tested line`, facts);
}
