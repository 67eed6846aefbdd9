import { describe, expect, it } from '@jest/globals';
import { toConsoleLine } from './console-line.ts';

const record = (level: string, more: object) => JSON.stringify({ level, time: '2026-01-01', pid: 1, ...more });

describe('what the console shows of a line', () => {
  it('keeps what is normal in the log file', () => {
    expect(toConsoleLine('stdout', record('info', { msg: 'ready' }))).toBeNull();
    expect(toConsoleLine('stdout', 'a banner')).toBeNull();
    expect(toConsoleLine('stderr', '  ')).toBeNull();
  });

  it('puts a warning and its cause into one line', () => {
    const line = record('warn', { msg: 'job failed', err: { message: 'no such\n  key', stack: 'long' }, queue: 'q' });
    expect(toConsoleLine('stdout', line)).toBe('warn: job failed: no such key');
  });

  it('says what the matter is and with which slot', () => {
    const line = record('error', { msg: 'bundle cannot be used', slot: 'sbi', problem: 'no such file' });
    expect(toConsoleLine('stdout', line)).toBe('error: bundle cannot be used (sbi): no such file');
    const lost = record('warn', { msg: 'redis does not answer', reason: 'ECONNREFUSED', repeats: 3 });
    expect(toConsoleLine('stdout', lost)).toBe('warn: redis does not answer: ECONNREFUSED');
  });

  it('says a cause once that is the message itself', () => {
    expect(toConsoleLine('stdout', record('error', { msg: 'gone', err: { message: 'gone' } }))).toBe('error: gone');
  });

  it('shows what comes without a logger, shortened', () => {
    expect(toConsoleLine('stderr', ' could not start: x')).toBe('could not start: x');
    expect(toConsoleLine('stderr', `Error: ${'y'.repeat(1_000)}`)).toHaveLength(200);
    expect(toConsoleLine('stdout', '{"level":"error" cut off')).toBe('{"level":"error" cut off');
  });

  it('leaves the stack of an error to the log file', () => {
    const lines = ['node:internal/x:1', 'throw new Y(', '^', 'TypeError: x is not y', '    at error (a.ts:1:2)', '}'];
    expect(lines.flatMap((line) => toConsoleLine('stderr', line) ?? [])).toEqual(['TypeError: x is not y']);
  });

  it('is not fooled by a message that quotes a warning', () => {
    expect(toConsoleLine('stdout', record('info', { err: { level: 'warn' }, msg: 'x' }))).toBeNull();
  });
});
