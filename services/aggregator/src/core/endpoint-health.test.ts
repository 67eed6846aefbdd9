import { expect, it } from '@jest/globals';
import type { DeliveryOutcome, EndpointRecord } from '@touchstone/shared/contracts/webhook';
import type { z } from 'zod';
import { endpointOf } from '../../../../packages/shared/tests/endpoint-fixture.ts';
import { changeOfHealth, type HealthChange } from './endpoint-health.ts';

const nowMs = Date.parse('2026-11-25T10:00:00Z');
const at = (days: number) => new Date(nowMs - days * 86_400_000).toISOString();
const failing = (days: number) => ({ failing_since: at(days) });
const disabled = { status: 'disabled' as const, disabled_reason: 'by_request' as const };

it.each<[string, Partial<EndpointRecord>, z.infer<typeof DeliveryOutcome>, HealthChange | null]>([
  ['the first failure is remembered', {}, 'retrying', failing(0)],
  ['a later one changes nothing', failing(4.9), 'retrying', null],
  ['five days of failures disable', failing(5), 'retrying', { status: 'disabled', disabled_reason: 'failing' }],
  ['so does a last attempt', failing(6), 'exhausted', { status: 'disabled', disabled_reason: 'failing' }],
  ['a success ends the failing', failing(4), 'delivered', { failing_since: null }],
  ['a success of a sound endpoint changes nothing', {}, 'delivered', null],
  ['410 disables at once', {}, 'gone', { status: 'disabled', disabled_reason: 'gone' }],
  ['what its owner switched off stays so', { ...disabled, ...failing(6) }, 'gone', null],
  ['what was not sent says nothing', failing(6), 'disabled', null],
])('%s', (_fact, endpoint, outcome, change) => {
  expect(changeOfHealth(endpointOf(endpoint), outcome, nowMs)).toEqual(change);
});
