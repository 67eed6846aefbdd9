import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newDetectionId } from '@touchstone/shared/contracts/detection-id';
import { Partial as DetectorPartial } from '@touchstone/shared/contracts/partial';
import { RequestRecord } from '@touchstone/shared/contracts/request-record';
import type { RevisionPayload } from '@touchstone/shared/queue/catalog';
import { openDetectionJobs } from '@touchstone/shared/queue/detection-jobs';
import { openJobWorker } from '@touchstone/shared/queue/job-worker';
import { closeRedis, CONSUMER_OPTIONS, openRedis } from '@touchstone/shared/queue/redis-connection';
import { openDirectoryObjectStore } from '@touchstone/shared/storage/directory-object-store';
import { createJson, readJson } from '@touchstone/shared/storage/json-object';
import { partialKey, requestKey, uploadKey } from '@touchstone/shared/storage/keys';
import { loadConfig } from '../src/config.ts';
import { startService } from '../src/service.ts';

const REPOSITORY = join(import.meta.dirname, '../../..');
const SHARED = process.env['TOUCHSTONE_SHARED'] ?? join(REPOSITORY, '../shared');
const PHOTO = join(SHARED, 'fixtures/photos/real-01-portrait-uniform.png');
const url = process.env['TEST_REDIS_URL'] ?? '';
const ignore = () => undefined;

const hasPhoto = existsSync(PHOTO);
if (!hasPhoto) process.stderr.write('skipped: no photos of faces (set TOUCHSTONE_SHARED to the shared material)\n');
const describeWithPhoto = hasPhoto ? describe : describe.skip;

describeWithPhoto('a gpu-worker with its real preparers and the bundles that ship', () => {
  let folder: string;
  const cleanUps: (() => Promise<unknown>)[] = [];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gpu-worker-real-'));
  });
  afterEach(async () => {
    for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
    await rm(folder, { recursive: true });
  });

  it('finds and scores the face of a photo, and scores the photo', async () => {
    const prefix = `test-${randomUUID().slice(0, 8)}`;
    const redis = openRedis(url, CONSUMER_OPTIONS, ignore);
    cleanUps.push(() => closeRedis(redis));
    const jobs = openDetectionJobs(redis, prefix, ignore);
    cleanUps.push(() => jobs.close());
    const store = await openDirectoryObjectStore(join(folder, 'objects'));
    const settings = {
      REDIS_URL: url,
      QUEUE_PREFIX: prefix,
      DATA_DIR: folder,
      LOG_LEVEL: 'silent',
      MODEL_SBI_PATH: join(REPOSITORY, 'models/sbi-lite'),
      MODEL_DISTILDIRE_PATH: join(REPOSITORY, 'models/distildire-lite'),
      PREPARER_PROCESSES: '1',
    };
    const service = await startService(loadConfig(settings));
    cleanUps.push(() => service.close());
    const merged = new Promise<void>((resolve) => {
      const events = { onFailed: ignore, onStalled: ignore, onError: ignore };
      const options = { connection: redis, prefix, concurrency: 1, events };
      const merger = openJobWorker('merge-verdict', options, async () => {
        resolve();
        return {};
      });
      merger.start();
      cleanUps.push(() => merger.close());
    });

    const file = await readFile(PHOTO);
    const tenant = 'default';
    const payload: RevisionPayload = {
      tenant,
      id: newDetectionId(Date.now()),
      revision: 1,
      slots: ['sbi', 'distildire'],
    };
    await store.create(uploadKey(tenant, payload.id), file);
    await createJson(store, requestKey(tenant, payload.id), RequestRecord, {
      v: 1,
      id: payload.id,
      tenant,
      accepted_at: new Date().toISOString(),
      image: {
        sha256: 'a'.repeat(64),
        media_type: 'image/png',
        declared_media_type: null,
        bytes: file.length,
        width: 1,
        height: 1,
      },
      options: { external_id: null, detectors: payload.slots, operating_point: null },
      slots: payload.slots,
      priority: 1,
    });
    await jobs.addFlow(payload, 1);
    await merged;

    const read = (slot: 'sbi' | 'distildire') => readJson(store, partialKey(payload, slot), DetectorPartial);
    const sbi = await read('sbi');
    expect(sbi).toMatchObject({
      status: 'completed',
      scored_regions: 1,
      detector: { id: 'sbi-lite', provider: 'cpu' },
    });
    // Where BlazeFace finds the face of this photo: detectors.md 5.4.
    const expected = [167, 137, 366, 336];
    for (const [i, side] of sbi!.faces[0]!.box.entries()) expect(Math.abs(side - expected[i]!)).toBeLessThan(10);
    expect(sbi!.score).toBe(sbi!.faces[0]!.score);
    const distildire = await read('distildire');
    expect(distildire).toMatchObject({ status: 'completed', scored_regions: 1, image: sbi!.image });
  });
});
