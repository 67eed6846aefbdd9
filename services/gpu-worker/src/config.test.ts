import { describe, expect, it } from '@jest/globals';
import { loadConfig } from './config.ts';

const redis = { REDIS_URL: 'redis://127.0.0.1' };

describe('the settings of a gpu-worker', () => {
  it('needs nothing but a Redis', () => {
    expect(loadConfig(redis, 4)).toMatchObject({
      slots: ['sbi', 'distildire'],
      modelPaths: { sbi: 'models/sbi-lite', distildire: 'models/distildire-lite' },
      provider: 'cpu',
      intraOpThreads: 3,
      maxBatch: 1,
      deploymentUse: 'research',
    });
  });

  it('batches on a GPU and leaves its host threads alone', () => {
    expect(loadConfig({ ...redis, EXECUTION_PROVIDER: 'cuda' }, 4)).toMatchObject({ maxBatch: 8, intraOpThreads: 1 });
  });

  it('has more jobs underway on a network store, whose answers take long, than a batch needs', () => {
    const onS3 = { ...redis, S3_BUCKET: 'bucket', AWS_REGION: 'eu-central-1' };
    expect([redis, onS3].map((env) => loadConfig(env).jobsAtOnce)).toEqual([2, 8]);
    expect(loadConfig({ ...onS3, EXECUTION_PROVIDER: 'cuda' }).jobsAtOnce).toBe(16);
  });

  it('keeps one thread on one core', () => {
    expect(loadConfig(redis, 1).intraOpThreads).toBe(1);
  });

  it('reads a list of slots, each once', () => {
    expect(loadConfig({ ...redis, WORKER_SLOTS: 'distildire, distildire' }).slots).toEqual(['distildire']);
  });

  it.each(['llm', 'sbi;distildire'])('refuses %p as a list of slots', (slots) => {
    expect(() => loadConfig({ ...redis, WORKER_SLOTS: slots })).toThrow(/WORKER_SLOTS.*a list of sbi, distildire/);
  });
});
