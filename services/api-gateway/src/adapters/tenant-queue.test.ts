import { beforeEach, expect, it } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import type { PendingCounts } from '@touchstone/shared/queue/pending-counts';
import { createTenantQueue, type TenantQueue } from './tenant-queue.ts';

let nowMs: number;
let look: () => Promise<PendingCounts | null>;
let queue: TenantQueue;
beforeEach(() => {
  nowMs = 1_000_000;
  look = async () => null;
  queue = createTenantQueue(
    () => look(),
    () => nowMs,
  );
});
const enters = async (limit: number, tenant = 'acme') => (await queue.enter(tenant, limit)) !== null;
/** A look is shared for a second of the real clock. */
const untilEnters = async (limit: number) => {
  const deadline = AbortSignal.timeout(5_000);
  for (; !(await enters(limit)); await delay(10)) deadline.throwIfAborted();
};
const counted = (count: number, sinceMs: number): PendingCounts => ({ since_ms: sinceMs, by_tenant: { acme: count } });

it('adds to what the sweeper counted what was accepted since its count began', async () => {
  look = async () => counted(8, nowMs - 1);
  expect([await enters(10), await enters(10), await enters(10)]).toEqual([true, true, false]);
  expect(await enters(10, 'other')).toBe(true);
});

it('forgets of its own what a newer count knows', async () => {
  for (let i = 0; i < 3; i++) expect(await enters(3)).toBe(true);
  expect(await enters(3)).toBe(false);
  look = async () => counted(2, nowMs + 1);
  await untilEnters(3);
  expect(await enters(3)).toBe(false);
});

it('gives the place of what was not accepted to another', async () => {
  const place = await queue.enter('acme', 1);
  expect(await enters(1)).toBe(false);
  place!.leave();
  expect(await enters(1)).toBe(true);
});

it('keeps to what it accepted itself while Redis does not answer', async () => {
  look = () => Promise.reject(new Error('no Redis'));
  expect([await enters(2), await enters(2), await enters(2)]).toEqual([true, true, false]);
  nowMs += 3_600_000;
  expect(await enters(2)).toBe(false);
});

it('does not hold back for ever what nobody counts any more', async () => {
  expect([await enters(1), await enters(1)]).toEqual([true, false]);
  nowMs += 60_001;
  await untilEnters(1);
});
