import { styleText } from 'node:util';
import type { Finding, FindingState } from './finding.ts';

const MARKS: Record<FindingState, string> = { ok: '✓', warn: '!', fail: '✗', skip: '-' };
const COLOURS = { ok: 'green', warn: 'yellow', fail: 'red', skip: 'gray' } as const;
const ID_COLUMNS = 18;

/** One line for what was found and one for what to do. */
export function formatFinding({ id, state, what, advice }: Finding, hasColours: boolean): string {
  const paint = (text: string) => (hasColours ? styleText(COLOURS[state], text, { validateStream: false }) : text);
  const line = `${paint(MARKS[state])} ${id.padEnd(ID_COLUMNS)} ${oneLine(what)}`;
  return advice === null ? line : `${line}\n    -> ${oneLine(advice)}`;
}

export function formatSummary(findings: readonly Finding[]): string {
  const count = (state: FindingState) => findings.filter((finding) => finding.state === state).length;
  const [warnings, failures] = [count('warn'), count('fail')];
  return `${count('ok')} ok, ${warnings} ${warnings === 1 ? 'warning' : 'warnings'}, ${failures} failed, ${count('skip')} skipped`;
}

/** What `--json` prints. */
export function formatJson(findings: readonly Finding[]): string {
  return JSON.stringify({ ok: !hasFailure(findings), findings }, null, 2);
}

export const hasFailure = (findings: readonly Finding[]) => findings.some(({ state }) => state === 'fail');

/** NO_COLOR: no-color.org. */
export const wantsColours = (stream: { isTTY?: boolean }, env: NodeJS.ProcessEnv): boolean =>
  stream.isTTY === true && !env['NO_COLOR'];

const oneLine = (text: string) => text.replaceAll(/\s+/g, ' ').trim();
