import { describe, expect, it } from '@jest/globals';
import { redactFields, redactProgress, redactTexts } from './redact-job.ts';

describe('a job on the board', () => {
  it('shows the fields of its schema and the number of the others', () => {
    const payload = { id: 'det_1', slots: ['sbi'], revision: 1, secret: 'hunter2', callback: { url: 'x' } };
    const shown = redactFields(payload, ['id', 'slots', 'revision']);
    expect(shown).toEqual({ id: 'det_1', slots: ['sbi'], revision: 1, '…': '2 more, not shown' });
  });

  it('shows nothing of a payload that is no object, nor of objects within a known field', () => {
    expect(redactFields('words of a client', ['id'])).toBe('[not shown]');
    expect(redactFields(['words'], ['id'])).toBe('[not shown]');
    expect(redactFields({ id: { words: 1 }, slots: [{ words: 1 }] }, ['id', 'slots'])).toEqual({
      id: '[not shown]',
      slots: ['[not shown]'],
    });
    expect(redactProgress({ words: 1 })).toBe('[not shown]');
    expect(redactProgress(40)).toBe(40);
    expect(redactFields(null, ['id'])).toBeNull();
  });

  it('cuts long texts and long lists', () => {
    const shown = redactFields({ id: 'x'.repeat(5_000), slots: Array.from({ length: 50 }, () => 'y') }, [
      'id',
      'slots',
    ]);
    expect(shown).toEqual({ id: `${'x'.repeat(199)}…`, slots: [...Array.from({ length: 20 }, () => 'y'), '…'] });
  });

  it('shows errors without addresses and machine paths, wherever they stand', () => {
    const stack = [
      "Error: ENOENT: no such file or directory, open '/srv/secret-place/.data/objects/uploads/default/det_1'",
      '    at readUpload (file:///srv/secret-place/app/services/gpu-worker/src/adapters/detection-objects.ts:41:11)',
      '    at async /srv/secret-place/node_modules/.pnpm/bullmq@6.7.0/node_modules/bullmq/dist/worker.js:9:1',
      '    at node:internal/process/task_queues:105:5',
    ].join('\n');
    const answer = {
      queues: [
        { jobs: [{ failedReason: 'redis://user:hunter2@10.0.0.1:6379/0 is away; ask /metrics', stacktrace: [stack] }] },
      ],
      count: 3,
      none: null,
    };
    expect(redactTexts(answer)).toEqual({
      queues: [
        {
          jobs: [
            {
              failedReason: '[address] is away; ask /metrics',
              stacktrace: [
                [
                  "Error: ENOENT: no such file or directory, open '…/default/det_1'",
                  '    at readUpload (…/adapters/detection-objects.ts:41:11)',
                  '    at async …/dist/worker.js:9:1',
                  '    at node:internal/process/task_queues:105:5',
                ].join('\n'),
              ],
            },
          ],
        },
      ],
      count: 3,
      none: null,
    });
    expect(redactTexts('x'.repeat(2_000))).toHaveLength(1_000);
  });

  it('is redacted in no time, whatever stands in it', () => {
    const startedMs = performance.now();
    for (const piece of ['/a', 'a:', '/', 'a://', '~/', '@']) redactTexts(piece.repeat(500_000));
    expect(performance.now() - startedMs).toBeLessThan(1_000);
  });
});
