import { expect, it } from '@jest/globals';
import { logRedisErrors } from './log-redis-errors.ts';
import type { Logger } from './logger.ts';

it('writes one line for an outage, and counts what it left out', () => {
  const lines: unknown[] = [];
  let now = 0;
  const log = logRedisErrors({ warn: (fields: unknown) => lines.push(fields) } as unknown as Logger, () => now);
  for (; now < 31_000; now += 1_000) log(new Error('connect ECONNREFUSED'));
  log(new Error('READONLY'));
  expect(lines).toEqual([
    { reason: 'connect ECONNREFUSED', repeats: 0 },
    { reason: 'connect ECONNREFUSED', repeats: 29 },
    { reason: 'READONLY', repeats: 0 },
  ]);
});
