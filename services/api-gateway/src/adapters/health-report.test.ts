import { describe, expect, it } from '@jest/globals';
import type { Heartbeat } from '@touchstone/shared/contracts/heartbeat';
import { createHealthReporter, type HealthDeps } from './health-report.ts';

const beat = (role: Heartbeat['role'], detectors: Heartbeat['detectors'] = []): Heartbeat => ({
  role,
  instance: `${role}-1`,
  pid: 1,
  started_at: '2026-11-25T10:00:00.000Z',
  detectors,
});
const bundle = { id: 'sbi-lite', version: '1.0.0', weights_sha256: 'a'.repeat(64) };
const ready = { slot: 'sbi', state: 'ready', detail: null, bundle, provider: 'cpu', warm_ms: 40 } as const;
const broken = {
  ...ready,
  state: 'unavailable',
  detail: 'The bundle is missing.',
  bundle: null,
  provider: null,
} as const;
const well: HealthDeps = {
  version: '1.2.3',
  slots: ['sbi'],
  pingRedis: async () => 'PONG',
  readHeartbeats: async () => [beat('gpu-worker', [broken]), beat('gpu-worker', [ready]), beat('aggregator')],
  canWriteStore: async () => true,
};
const never = () => new Promise<never>(() => undefined);

describe('the health report', () => {
  it('is ok when every part is, and shows the best worker of a detector', async () => {
    expect(await createHealthReporter(well)()).toEqual({
      status: 'ok',
      version: '1.2.3',
      parts: {
        redis: { state: 'ok' },
        store: { state: 'ok' },
        workers: { state: 'ok', gpu_worker: 2, aggregator: 1 },
        detectors: { sbi: { state: 'ready', bundle, provider: 'cpu', detail: null } },
      },
    });
  });

  it.each([
    ['a detector is', { readHeartbeats: async () => [beat('gpu-worker', [broken]), beat('aggregator')] }],
    ['a worker is', { readHeartbeats: async () => [beat('gpu-worker', [ready])] }],
    ['the store is', { canWriteStore: async () => false }],
    ['Redis is', { pingRedis: async () => Promise.reject(new Error('down')) }],
  ])('is degraded when %s missing', async (_what, more) => {
    expect((await createHealthReporter({ ...well, ...more })()).status).toBe('degraded');
  });

  it('says what to mend', async () => {
    const report = createHealthReporter({ ...well, readHeartbeats: async () => [beat('gpu-worker', [broken])] });
    expect((await report()).parts.detectors['sbi']).toMatchObject({ detail: 'The bundle is missing.' });
  });

  it('comes within 300 ms when everything hangs, and lets no probe pile up', async () => {
    let probes = 0;
    const canWriteStore = () => {
      probes++;
      return never();
    };
    const report = createHealthReporter({ ...well, pingRedis: never, readHeartbeats: never, canWriteStore });
    const startedMs = performance.now();
    const first = await report();
    // 250 ms and the unpunctuality of a busy machine.
    expect(performance.now() - startedMs).toBeLessThan(600);
    expect(first.parts).toMatchObject({ redis: { state: 'unavailable' }, workers: { state: 'unknown' } });
    expect(await report()).toBe(first);
    expect(probes).toBe(1);
  });

  it('asks once for everyone who asks at the same time', async () => {
    let pings = 0;
    const report = createHealthReporter({ ...well, pingRedis: async () => pings++ });
    await Promise.all(Array.from({ length: 20 }, report));
    expect(pings).toBe(1);
  });
});
