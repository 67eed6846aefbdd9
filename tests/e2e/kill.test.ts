import { afterEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import sharp from 'sharp';
import { Detection } from '@touchstone/shared/contracts/detection';
import { startSystem, type RunningSystem } from './support/running-system.ts';

const ROLES = ['api-gateway', 'gpu-worker', 'aggregator'] as const;
const PHOTOS = 32;

/** A picture of its own for every number: smooth colour and noise, so that no two detections share bytes. */
async function pictureOf(i: number): Promise<Blob> {
  const image = sharp({
    create: {
      width: 320 + i,
      height: 240,
      channels: 3,
      background: { r: 8 * i, g: 90, b: 200 - 5 * i },
      noise: { type: 'gaussian', mean: 128, sigma: 20 },
    },
  });
  return new Blob([new Uint8Array(await image.jpeg().toBuffer())], { type: 'image/jpeg' });
}

describe('the whole system under fire', () => {
  let system: RunningSystem | undefined;
  afterEach(async () => {
    await system?.stop();
  });

  it('ends every accepted id in exactly one verdict, although every role is killed in turn and Redis forgets all', async () => {
    const running = await startSystem();
    system = running;
    const deadline = AbortSignal.timeout(120_000);

    /** Posts until the gateway, which is being killed, has answered; only a 202 counts as accepted. */
    const submit = async (i: number): Promise<string> => {
      const image = await pictureOf(i);
      for (;;) {
        deadline.throwIfAborted();
        const form = new FormData();
        form.set('image', image, `${i}.jpg`);
        const answer = await fetch(`${running.url}/api/v1/detections`, { method: 'POST', body: form }).catch(
          () => null,
        );
        if (answer?.status === 202) return Detection.parse(await answer.json()).id;
        await delay(50);
      }
    };
    const verdictOf = async (id: string): Promise<Detection> => {
      for (;;) {
        deadline.throwIfAborted();
        const answer = await fetch(`${running.url}/api/v1/detections/${id}`, { headers: { prefer: 'wait=5' } }).catch(
          () => null,
        );
        if (answer !== null) {
          if (answer.status !== 200) throw new Error(`${answer.status} for the accepted id ${id}`);
          const detection = Detection.parse(await answer.json());
          if (detection.done) return detection;
        } else await delay(50);
      }
    };

    /** Accepted and not yet answered, as the store knows it. */
    const pendingCount = async () =>
      (await readdir(join(running.dataDir, 'objects/pending'), { recursive: true })).filter((path) =>
        path.endsWith('.r1'),
      ).length;

    const accepted: string[] = [];
    const perRole = (PHOTOS - 2) / ROLES.length;
    for (const [turn, role] of ROLES.entries()) {
      const pid = await running.pidOf(role);
      const wave = Array.from({ length: perRole }, (_, i) => submit(turn * perRole + i));
      await Promise.race(wave);
      // A quick machine may have answered the first before the second is there.
      while ((await pendingCount()) === 0) deadline.throwIfAborted();
      process.kill(pid, 'SIGKILL');
      accepted.push(...(await Promise.all(wave)));
    }
    // Nobody takes jobs while Redis forgets them, so what was waiting is really lost.
    const worker = await running.pidOf('gpu-worker');
    process.kill(worker, 'SIGSTOP');
    accepted.push(await submit(PHOTOS - 2), await submit(PHOTOS - 1));
    expect(await pendingCount()).toBeGreaterThanOrEqual(2);
    const redis = new Redis((await running.runFile()).redis_url);
    await redis.flushall();
    await redis.quit();
    process.kill(worker, 'SIGCONT');

    const answers = await Promise.all(accepted.map(verdictOf));
    expect(answers).toHaveLength(PHOTOS);
    for (const answer of answers) {
      expect(answer).toMatchObject({ status: 'completed', degraded: [] });
      expect(answer.detectors.map((row) => row.status)).toEqual(['not_applicable', 'completed', 'skipped']);
    }
    // A gateway that was killed between its promise and its answer leaves a question that nobody knows the id of: it
    // is answered all the same.
    const stored = await readdir(join(running.dataDir, 'objects/verdicts/default'));
    expect(accepted.filter((id) => !stored.includes(id))).toEqual([]);
    for (const id of stored) {
      expect(await readdir(join(running.dataDir, 'objects/verdicts/default', id))).toEqual(['r1.json']);
    }
    const roles = (await running.runFile()).processes;
    expect(
      roles.filter(({ role }) => ROLES.some((killed) => killed === role)).every(({ restarts }) => restarts === 1),
    ).toBe(true);
  }, 150_000);
});
