import { describe, expect, it } from '@jest/globals';
import { account, type Trace } from './account.ts';

const SENT = { webhookId: 'msg_1', sha256: 'b' };
const sound = (more: Partial<Trace> = {}): Trace => ({
  id: 'det_1',
  acceptedMs: 1_000,
  verdictMs: 1_500,
  missing: [],
  views: [
    { way: 'answer', sha256: 'a', statement: 'authentic' },
    { way: 'store', sha256: 's', statement: 'authentic' },
    { way: 'webhook', sha256: 'b', statement: 'authentic' },
  ],
  deliveries: [SENT],
  ...more,
});

describe('the accounting', () => {
  it('finds nothing wrong with a question that was answered once and told once', () => {
    expect(account([sound()], [])).toEqual({
      accepted: 1,
      verdicts: 1,
      lost: 0,
      contradictory: 0,
      duplicates: 0,
      untold: 0,
      recoveryP50Ms: 500,
      recoveryP99Ms: 500,
      suspects: [],
    });
  });

  it('sees a promise without a verdict as lost', () => {
    expect(account([sound(), sound({ id: 'det_2', verdictMs: null })], [])).toMatchObject({
      accepted: 2,
      verdicts: 1,
      lost: 1,
      suspects: ['det_2'],
    });
  });

  it('sees a verdict that lacks a detector which could have answered as lost', () => {
    expect(account([sound({ missing: ['distildire'] })], [])).toMatchObject({ verdicts: 1, lost: 1 });
  });

  it.each([
    ['bytes of an answer that change', [{ way: 'answer', sha256: 'other', statement: 'authentic' }]],
    ['a stored verdict that says another thing', [{ way: 'store', sha256: 's', statement: 'manipulated' }]],
  ] as const)('sees %s as contradictory', (_what, views) => {
    expect(account([sound({ views: [...sound().views, ...views] })], [])).toMatchObject({ contradictory: 1 });
  });

  it('counts a second delivery of the same message as a duplicate, and as no contradiction', () => {
    expect(account([sound({ deliveries: [SENT, SENT, SENT] })], [])).toMatchObject({ duplicates: 2, contradictory: 0 });
  });

  it.each([{ sha256: 'other' }, { webhookId: 'msg_2' }])('sees a second delivery with %j as contradictory', (more) => {
    expect(account([sound({ deliveries: [SENT, { ...SENT, ...more }] })], [])).toMatchObject({
      duplicates: 1,
      contradictory: 1,
    });
  });

  it('counts a verdict that the receiver never heard of, where there is a receiver', () => {
    expect(account([sound({ deliveries: [] })], []).untold).toBe(1);
    expect(account([sound({ deliveries: [] })], [], false).untold).toBe(0);
  });

  it('measures recovery from the end of the outage that delayed the verdict, and from no later one', () => {
    expect(account([sound()], [1_200, 1_450]).recoveryP99Ms).toBe(50);
    expect(account([sound()], [900, 1_600]).recoveryP99Ms).toBe(500);
  });
});
