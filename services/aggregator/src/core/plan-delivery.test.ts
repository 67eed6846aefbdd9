import { describe, expect, it } from '@jest/globals';
import type { DeliveryRecord } from '@touchstone/shared/contracts/webhook';
import { planDelivery, type DeliveryPlan } from './plan-delivery.ts';

const nowMs = Date.parse('2026-11-25T10:00:00Z');
const recordOf = (more: Partial<DeliveryRecord>): DeliveryRecord => ({
  v: 1,
  tenant: 'default',
  receiver: 'once',
  id: 'det_0198f4f0000070008000000000000000',
  revision: 1,
  attempt: 1,
  webhook_id: 'msg_1',
  event: 'detection.completed',
  at: '2026-11-25T09:59:00Z',
  cause: 'verdict',
  outcome: 'retrying',
  status: 500,
  error_class: 'http_5xx',
  latency_ms: 10,
  response_start: '',
  next_attempt_at: null,
  ...more,
});
const due = recordOf({ next_attempt_at: '2026-11-25T10:00:00Z' });
const later = recordOf({ next_attempt_at: '2026-11-25T10:00:07Z' });
const byHand = recordOf({ cause: 'redelivery', outcome: 'exhausted' });
const delivered = recordOf({ cause: 'replay', outcome: 'delivered', status: 200 });

describe('a delivery job', () => {
  it.each<[string, DeliveryRecord[], boolean, DeliveryPlan]>([
    ['sends what was never sent', [], true, { kind: 'send', attempt: 1 }],
    ['sends nothing that is not owed', [], false, { kind: 'nothing' }],
    ['sends nothing that is not owed, though an attempt failed', [due], false, { kind: 'nothing' }],
    ['goes on when the next attempt is due', [due], true, { kind: 'send', attempt: 2 }],
    ['waits for the rest of the time, and no attempt is used up', [due, later], true, { kind: 'wait', delayMs: 7_000 }],
    ['counts attempts by schedule alone', [byHand, due, byHand], true, { kind: 'send', attempt: 2 }],
    ['starts the schedule although one by hand has failed', [byHand], true, { kind: 'send', attempt: 1 }],
    ['rests when it was delivered, also by hand', [due, delivered], true, { kind: 'settled' }],
    ['rests when the last attempt failed', [recordOf({ outcome: 'exhausted' })], true, { kind: 'settled' }],
    ['rests when the receiver is gone', [recordOf({ outcome: 'gone', status: 410 })], true, { kind: 'settled' }],
    ['rests when its endpoint gets nothing', [recordOf({ outcome: 'disabled' })], true, { kind: 'settled' }],
  ])('%s', (_fact, log, isOwed, plan) => {
    expect(planDelivery({ cause: 'verdict', isOwed, log, nowMs })).toEqual(plan);
  });

  it.each(['redelivery', 'replay'] as const)('by hand (%s) sends in any case', (cause) => {
    for (const log of [[], [later], [delivered]]) {
      expect(planDelivery({ cause, isOwed: false, log, nowMs })).toEqual({ kind: 'send', attempt: 1 });
    }
  });
});
