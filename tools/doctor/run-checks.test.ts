import { describe, expect, it } from '@jest/globals';
import { ok } from './finding.ts';
import { runChecks, type Check } from './run-checks.ts';
import { contextOf } from './test-context.ts';

const check = (id: string, run: Check['run'], timeoutMs = 60_000): Check => ({ id, timeoutMs, run });
const collect = async (checks: Check[]) => {
  const all = [];
  for await (const findings of runChecks(checks, contextOf({}))) all.push(...findings);
  return all;
};

describe('the checks of the doctor', () => {
  it('are shown in their order, whichever ends first', async () => {
    const second = Promise.withResolvers<void>();
    const findings = await collect([
      check('first', async () => {
        await second.promise;
        return [ok('a', ''), ok('b', '')];
      }),
      check('second', async () => {
        second.resolve();
        return [ok('c', '')];
      }),
    ]);
    expect(findings.map(({ id }) => id)).toEqual(['a', 'b', 'c']);
  });

  it('fail when they hang, are told to stop, and keep the others from nothing', async () => {
    let told = false;
    const hangs = check(
      'hangs',
      (_context, signal) => {
        signal.addEventListener('abort', () => (told = true));
        return new Promise(() => undefined);
      },
      20,
    );
    const findings = await collect([hangs, check('works', async () => [ok('works', 'well')])]);
    expect(findings).toMatchObject([
      { id: 'hangs', state: 'fail', what: 'no answer within 0.02 s', advice: expect.any(String) },
      { id: 'works', state: 'ok' },
    ]);
    expect(told).toBe(true);
  });

  it('fail when they throw, at once or later', async () => {
    const findings = await collect([
      check('throws', () => {
        throw new Error('one\ntwo');
      }),
      check('rejects', () => Promise.reject(new Error('three'))),
    ]);
    expect(findings).toMatchObject([
      { id: 'throws', state: 'fail', what: 'the check itself failed: one' },
      { id: 'rejects', state: 'fail', what: 'the check itself failed: three' },
    ]);
  });
});
