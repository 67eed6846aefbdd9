import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Partial as DetectorPartial } from '@touchstone/shared/contracts/partial';
import type { RevisionPayload } from '@touchstone/shared/queue/catalog';
import { readHeartbeats } from '@touchstone/shared/queue/heartbeats';
import { openJobWorker } from '@touchstone/shared/queue/job-worker';
import { openStalledChecks } from '@touchstone/shared/queue/stalled-checks';
import { createJson } from '@touchstone/shared/storage/json-object';
import { erasedKey, partialKey, verdictKey } from '@touchstone/shared/storage/keys';
import type { PictureMaker } from '../src/picture/picture-pool.ts';
import { answers } from './support/judge-server.ts';
import { detectorPartial, openRunningJudge, openSharedPictures, type RunningJudge } from './support/running-judge.ts';

const ignore = () => undefined;

describe('an llm-worker', () => {
  let pictures: PictureMaker;
  let judge: RunningJudge;
  beforeAll(async () => {
    pictures = await openSharedPictures();
  });
  afterAll(() => pictures.close());
  beforeEach(async () => {
    judge = await openRunningJudge(pictures);
  });
  afterEach(() => judge.close());

  /** Resolves when the flows of these revisions have run out of children. */
  const merged = (...refs: RevisionPayload[]): Promise<void> =>
    new Promise((resolve, reject) => {
      const options = {
        connection: judge.redis,
        prefix: judge.prefix,
        concurrency: 1,
        events: { onFailed: ignore, onStalled: ignore, onError: ignore },
      };
      const owed = new Set(refs.map(({ id }) => id));
      const worker = openJobWorker('merge-verdict', options, async ({ id }) => {
        owed.delete(id);
        // Not from within: a worker that is closed waits for its jobs.
        if (owed.size === 0) setImmediate(() => void worker.close().then(resolve, reject));
        return {};
      });
      worker.start();
    });

  /** The first beat that Redis has taken: one that comes before the connection stands is lost. */
  const heartbeat = async () => {
    for (;;) {
      const [beat] = await readHeartbeats(judge.redis, judge.prefix, Date.now());
      if (beat !== undefined) return beat;
      await delay(5);
    }
  };

  /** What the death of a worker leads to after 15 s: Redis forgets its lock, and the next check finds the job. */
  const giveBack = async (jobId: string) => {
    const { redis: connection, prefix } = judge;
    await connection.del(`${prefix}:judge-image:${jobId}:lock`, `${prefix}:judge-image:stalled-check`);
    const found = Promise.withResolvers<string>();
    const events = {
      onStalled: (_: string, id: string) => found.resolve(id),
      onError: (_: string, error: Error) => found.reject(error),
    };
    const checks = openStalledChecks(['judge-image'], { connection, prefix, events, stalledIntervalMs: 50 });
    expect(await found.promise).toBe(jobId);
    await checks.close();
  };

  it('answers model_unavailable without a key, and says so in its heartbeat', async () => {
    await judge.start({ OPENAI_API_KEY: '' });
    expect(await judge.judge()).toMatchObject({ status: 'skipped', reason: 'model_unavailable', score: null });
    expect(judge.server.calls).toHaveLength(0);
    const beat = await heartbeat();
    expect(beat).toMatchObject({ role: 'llm-worker', detectors: [{ slot: 'llm', state: 'unavailable' }] });
  });

  it('tells which model it asks, and is ready', async () => {
    const { addresses } = await judge.start();
    const beat = await heartbeat();
    expect(beat.detectors).toEqual([
      { slot: 'llm', state: 'ready', detail: null, bundle: null, provider: 'judge-test', warm_ms: null },
    ]);
    while ((await fetch(`${addresses['metrics']}/readyz`)).status !== 200) await delay(5);
  });

  it('ends the flow of a detection when it is the last to answer', async () => {
    await judge.start();
    const ref = await judge.submit();
    await merged(ref);
    expect(await judge.partialOf(ref)).toMatchObject({ status: 'completed' });
  });

  it('pays nothing when an answer, a verdict or a tombstone is there already', async () => {
    const stored = (ref: RevisionPayload): DetectorPartial => ({
      ...detectorPartial(ref, 'sbi', 0.123),
      slot: 'llm',
      detector: null,
    });
    const answered = await judge.submit({ partials: (ref) => [stored(ref)] });
    const decided = await judge.submit();
    await judge.store.create(verdictKey(decided), Buffer.from('{}'));
    const erased = await judge.submit();
    await judge.store.create(erasedKey(erased.tenant, erased.id), Buffer.from(''));
    await judge.start();
    await merged(answered, decided, erased);
    expect(judge.server.calls).toHaveLength(0);
    expect(await judge.partialOf(answered)).toMatchObject({ score: 0.123 });
    expect(await judge.store.head(partialKey(decided, 'llm'))).toBeNull();
    expect(await judge.store.head(partialKey(erased, 'llm'))).toBeNull();
  });

  it('calls a damaged image undecodable without a call', async () => {
    await judge.start();
    expect(await judge.judge({ file: Buffer.from('no picture') })).toMatchObject({
      status: 'failed',
      reason: 'undecodable',
    });
    expect(judge.server.calls).toHaveLength(0);
  });

  it('does not ask when it is not wanted', async () => {
    await judge.start();
    expect(await judge.judge({ llm: 'off' })).toMatchObject({ status: 'skipped', reason: 'policy' });
    expect(judge.server.calls).toHaveLength(0);
  });

  it.each([
    [0.99, 0.97, 'skipped', 'policy'],
    [0.01, 0.02, 'skipped', 'policy'],
    [0.99, 0.02, 'completed', null],
    [null, 0.5, 'completed', null],
    [null, null, 'skipped', 'policy'],
  ])('under `uncertain`, scores of %p and %p end as %p', async (sbi, distildire, status, reason) => {
    await judge.start();
    const partial = await judge.judge({
      llm: 'uncertain',
      slots: ['sbi', 'distildire', 'llm'],
      partials: (ref) => [detectorPartial(ref, 'sbi', sbi), detectorPartial(ref, 'distildire', distildire)],
    });
    expect(partial).toMatchObject({ status, reason });
    expect(judge.server.calls).toHaveLength(status === 'completed' ? 1 : 0);
  });

  it('waits for the detectors, without holding its place, and shows the face that they found', async () => {
    await judge.start({ LLM_CONCURRENCY: '1', LLM_DETECTORS_WAIT_MS: '15000' });
    const waiting = await judge.submit({ slots: ['sbi', 'llm'] });
    expect(await judge.judge()).toMatchObject({ status: 'completed' });
    expect(judge.server.calls).toHaveLength(1);
    const found = detectorPartial(waiting, 'sbi', 0.4, {
      faces: [{ box: [100, 60, 200, 160], face_score: 0.9, score: 0.4, reason: null }],
    });
    await createJson(judge.store, partialKey(waiting, 'sbi'), DetectorPartial, found);
    expect(await judge.partialOf(waiting)).toMatchObject({ status: 'completed' });
    const pictureCounts = judge.server.calls.map(({ body }) => body.messages[1].content.length - 1);
    expect(pictureCounts).toEqual([1, 2]);
  });

  it('goes on without the faces when the detectors take too long', async () => {
    await judge.start({ LLM_DETECTORS_WAIT_MS: '0' });
    expect(await judge.judge({ slots: ['sbi', 'llm'] })).toMatchObject({ status: 'completed' });
  });

  it('pays once more when it is killed between the answer and the store', async () => {
    const entry = join(import.meta.dirname, 'support/killed-worker.child.ts');
    const env = { ...process.env, ...judge.settings, DATA_DIR: judge.settings['DATA_DIR'] };
    const child = spawn(process.execPath, ['--conditions=@touchstone/source', entry], { stdio: 'inherit', env });
    judge.server.script(answers({ fake_probability: 0.11 }), answers({ fake_probability: 0.22 }));
    const exited = once(child, 'exit');
    const ref = await judge.submit();
    expect(await exited).toEqual([null, 'SIGKILL']);
    expect(judge.server.calls).toHaveLength(1);
    expect(await judge.store.head(partialKey(ref, 'llm'))).toBeNull();
    await giveBack(`${ref.id}-r1-llm`);
    await judge.start();
    expect(await judge.partialOf(ref)).toMatchObject({ status: 'completed', score: 0.22 });
    expect(judge.server.calls).toHaveLength(2);
  }, 60_000);
});
