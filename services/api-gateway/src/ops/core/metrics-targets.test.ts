import { describe, expect, it } from '@jest/globals';
import type { Heartbeat } from '@touchstone/shared/contracts/heartbeat';
import { listTargets } from './metrics-targets.ts';

const beat = (host: string, pid: number, url?: string): Heartbeat => ({
  role: 'gpu-worker',
  instance: `${host}-${pid}`,
  pid,
  started_at: '2026-01-01T00:00:00Z',
  detectors: [],
  ...(url === undefined ? {} : { metrics_url: url }),
});

describe('the processes whose metrics are merged', () => {
  it('are each listed once, by run file or heartbeat', () => {
    const local = { role: 'gpu-worker', pid: 7, metricsUrl: 'http://127.0.0.1:1' };
    const beats = [beat('here', 7, 'http://127.0.0.1:1'), beat('there', 9, 'http://10.0.0.9:80'), beat('old', 3)];
    expect(listTargets([local], beats, 'here')).toEqual([
      { role: 'gpu-worker', instance: 'here-7', url: 'http://127.0.0.1:1' },
      { role: 'gpu-worker', instance: 'there-9', url: 'http://10.0.0.9:80' },
    ]);
  });

  it('are not looked for at the loopback address of another machine', () => {
    const beats = ['http://127.0.0.1:5', 'http://localhost:5', 'http://[::1]:5'].map((url, i) => beat('there', i, url));
    expect(listTargets([], beats, 'here')).toEqual([]);
    expect(listTargets([], beats, 'there')).toHaveLength(3);
  });

  it('are known to be down while their supervisor waits, and left out while they start', () => {
    const locals = [
      { role: 'aggregator', pid: null, metricsUrl: 'http://127.0.0.1:2' },
      { role: 'api-gateway', pid: 5, metricsUrl: null },
    ];
    expect(listTargets(locals, [], 'here')).toEqual([{ role: 'aggregator', instance: 'down', url: null }]);
  });
});
