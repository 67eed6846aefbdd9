import { parseArgs } from 'node:util';
import { readContext } from './doctor-context.ts';
import type { Finding } from './finding.ts';
import { formatFinding, formatJson, formatSummary, hasFailure, wantsColours } from './format-findings.ts';
import { runChecks, type Check } from './run-checks.ts';

const USAGE = `Usage: npm run doctor [-- --json]
Looks at everything that Touchstone needs on this machine and says what to do about what is not as it should be.
  --json   one JSON document on stdout and nothing else (with npm: npm run --silent doctor -- --json)
The exit code is 1 when anything fails, else 0.`;

export type DoctorOptions = {
  args: string[];
  root: string;
  env: NodeJS.ProcessEnv;
  checks: readonly Check[];
  stdout: { write(text: string): unknown; isTTY?: boolean };
  stderr: { write(text: string): unknown };
};

/** Runs every check and gives the exit code; 2 for a command line that it does not understand. */
export async function runDoctor({ args, root, env, checks, stdout, stderr }: DoctorOptions): Promise<number> {
  const wanted = readArguments(args);
  if (wanted === null || wanted.help) {
    (wanted === null ? stderr : stdout).write(`${USAGE}\n`);
    return wanted === null ? 2 : 0;
  }
  const context = readContext({ root, env, say: (text) => stderr.write(`${text}\n`) });
  const hasColours = wantsColours(stdout, env);
  const all: Finding[] = [];
  for await (const findings of runChecks(checks, context)) {
    all.push(...findings);
    if (!wanted.json) for (const finding of findings) stdout.write(`${formatFinding(finding, hasColours)}\n`);
  }
  stdout.write(`${wanted.json ? formatJson(all) : `\n${formatSummary(all)}`}\n`);
  return hasFailure(all) ? 1 : 0;
}

function readArguments(args: string[]): { json: boolean; help: boolean } | null {
  try {
    const { values } = parseArgs({
      args,
      options: { json: { type: 'boolean', default: false }, help: { type: 'boolean', short: 'h', default: false } },
    });
    return values;
  } catch {
    return null;
  }
}
