import { describe, expect, it } from '@jest/globals';
import { fail, ok, skip, warn, type Finding } from './finding.ts';
import { formatFinding, formatJson, formatSummary, wantsColours } from './format-findings.ts';

describe('findings on the console', () => {
  it('take one line, and one more for what to do', () => {
    expect(formatFinding(ok('node', 'Node 24'), false)).toBe('✓ node               Node 24');
    expect(formatFinding(fail('disk', 'full\n  of files', 'Free\nsome.'), false)).toBe(
      '✗ disk               full of files\n    -> Free some.',
    );
  });

  it('have no escape sequences without colours, and one pair around the mark with them', () => {
    const finding = warn('llm', 'slow', 'Wait.');
    expect(formatFinding(finding, false)).not.toContain('\u001B');
    expect(formatFinding(finding, true)).toBe(`\u001B[33m!\u001B[39m${formatFinding(finding, false).slice(1)}`);
  });

  it('are coloured on a terminal only, and not where NO_COLOR is set', () => {
    expect(wantsColours({ isTTY: true }, {})).toBe(true);
    expect(wantsColours({ isTTY: true }, { NO_COLOR: '1' })).toBe(false);
    expect(wantsColours({}, {})).toBe(false);
  });

  it('are counted', () => {
    const findings = [ok('a', ''), ok('b', ''), warn('c', '', ''), fail('d', '', ''), skip('e', '')];
    expect(formatSummary(findings)).toBe('2 ok, 1 warning, 1 failed, 1 skipped');
  });
});

it('a warning alone leaves the document ok, a failure does not', () => {
  const read = (findings: Finding[]) => JSON.parse(formatJson(findings)) as unknown;
  const slow = warn('llm', 'slow', 'Wait.', { ms: 3 });
  expect(read([slow])).toEqual({ ok: true, findings: [slow] });
  expect(read([slow, fail('x', 'y', 'z')])).toMatchObject({ ok: false });
});
