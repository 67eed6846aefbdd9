import { describe, expect, it } from '@jest/globals';
import type { VerdictRecord } from '../contracts/verdict-record.ts';
import { VerdictReason } from '../contracts/vocabulary.ts';
import { DetectionMessage } from '../contracts/webhook.ts';
import { messageOf } from './detection-message.ts';

const id = 'det_0198f4f0000070008000000000000000';
const verdictOf = (more: Partial<VerdictRecord> = {}): VerdictRecord => ({
  v: 1,
  id,
  tenant: 'default',
  revision: 1,
  status: 'completed',
  verdict: 'manipulated',
  probability: 0.98,
  calibrated: true,
  calibration: null,
  operating_point: null,
  reasons: ['detectors_agree'],
  degraded: [],
  summary: 'This image looks manipulated.',
  detectors: [],
  image: null,
  completed_at: '2026-11-25T10:00:01.000Z',
  ...more,
});
const readBody = (body: Uint8Array) => DetectionMessage.parse(JSON.parse(Buffer.from(body).toString('utf8')));

describe('the message of a verdict', () => {
  it('has the same id and bytes whenever it is made', () => {
    const [first, second] = [messageOf(verdictOf(), 'order-7'), messageOf(structuredClone(verdictOf()), 'order-7')];
    expect(first).toEqual(second);
    expect(first.webhookId).toBe(`msg_${id}_detection_completed_r1`);
    expect(readBody(first.body)).toMatchObject({
      type: 'detection.completed',
      timestamp: '2026-11-25T10:00:01.000Z',
      data: { id, external_id: 'order-7', verdict: 'manipulated', href: `/api/v1/detections/${id}` },
    });
  });

  it.each([
    ['completed', 'detection.completed'],
    ['failed', 'detection.failed'],
    ['expired', 'detection.failed'],
  ] as const)('of a detection that is %s is %s', (status, event) => {
    expect(messageOf(verdictOf({ status }), null)).toMatchObject({ event });
  });

  it.each([
    ['letters', 'x'],
    ['control characters', '\u0001'],
    ['emoji, cut in the middle of one', '\u{1f600}'],
    ['lone surrogates', '\ud83d'],
  ])('has at most 4 KB, whatever the summary and the external id are made of: %s', (_, unit) => {
    const long = unit.repeat(10_000);
    const verdict = verdictOf({ summary: `.${long}`, reasons: VerdictReason.options, revision: 999_999 });
    const { body } = messageOf(verdict, long.slice(0, 200));
    expect(body.length).toBeLessThanOrEqual(4_096);
    const { data } = readBody(body);
    expect(verdict.summary.startsWith(data.summary.replace(/�+$/, ''))).toBe(true);
    expect(data.summary.length).toBeGreaterThan(200);
  });

  it('keeps a sentence of ours whole', () => {
    const summary = 'A'.repeat(480);
    expect(readBody(messageOf(verdictOf({ summary }), 'é'.repeat(200)).body).data.summary).toBe(summary);
  });
});
