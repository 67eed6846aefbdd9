import { join } from 'node:path';
import { readContext, type DoctorContext } from './doctor-context.ts';
import type { Finding } from './finding.ts';
import type { Check } from './run-checks.ts';

export const ROOT = join(import.meta.dirname, '../..');

/** What a check sees with these variables and no others but PATH. */
export const contextOf = (env: NodeJS.ProcessEnv): DoctorContext =>
  readContext({
    root: ROOT,
    env: { PATH: process.env['PATH'], ...env },
    say: (text) => process.stderr.write(`${text}\n`),
  });

/** Findings of one check, by id. */
export async function runAlone(check: Check, context: DoctorContext): Promise<Record<string, Finding>> {
  const findings = await check.run(context, new AbortController().signal);
  return Object.fromEntries(findings.map((finding) => [finding.id, finding]));
}
