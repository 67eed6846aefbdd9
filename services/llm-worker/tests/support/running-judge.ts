import type { Redis } from 'ioredis';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import sharp from 'sharp';
import { newDetectionId } from '@touchstone/shared/contracts/detection-id';
import { Partial as DetectorPartial } from '@touchstone/shared/contracts/partial';
import { RequestRecord, type LlmPolicy } from '@touchstone/shared/contracts/request-record';
import type { Slot } from '@touchstone/shared/contracts/vocabulary';
import { createLogger } from '@touchstone/shared/observe/logger';
import type { Service } from '@touchstone/shared/process/run-service';
import type { RevisionPayload } from '@touchstone/shared/queue/catalog';
import { openDetectionJobs } from '@touchstone/shared/queue/detection-jobs';
import { closeRedis, CONSUMER_OPTIONS, openRedis } from '@touchstone/shared/queue/redis-connection';
import { openDirectoryObjectStore } from '@touchstone/shared/storage/directory-object-store';
import { createJson, readJson } from '@touchstone/shared/storage/json-object';
import { partialKey, requestKey, uploadKey } from '@touchstone/shared/storage/keys';
import type { ObjectStore } from '@touchstone/shared/storage/object-store';
import { loadConfig } from '../../src/config.ts';
import { openPicturePool, type PictureMaker } from '../../src/picture/picture-pool.ts';
import { startService, type ServiceDeps } from '../../src/service.ts';
import { openJudgeServer, type JudgeServer } from './judge-server.ts';

const url = process.env['TEST_REDIS_URL'] ?? '';
const ignore = () => undefined;

/** A small photo that a test may send; no two tests need different ones. */
export const photo = await sharp({
  create: {
    width: 320,
    height: 240,
    channels: 3,
    background: '#557799',
    noise: { type: 'gaussian', mean: 128, sigma: 20 },
  },
})
  .jpeg()
  .toBuffer();

export type Submission = {
  file?: Buffer;
  slots?: Slot[];
  tenant?: string;
  llm?: LlmPolicy;
  /** Stored before the job is enqueued. */
  partials?: (ref: RevisionPayload) => DetectorPartial[];
};

/** An llm-worker on a real Redis and a real directory store, in front of a scripted server. */
export type RunningJudge = {
  server: JudgeServer;
  redis: Redis;
  prefix: string;
  store: ObjectStore;
  settings: Record<string, string>;
  start(env?: Record<string, string>, deps?: Partial<ServiceDeps>): Promise<Service>;
  submit(submission?: Submission): Promise<RevisionPayload>;
  /** Waits until the judge's partial is stored. */
  partialOf(ref: RevisionPayload): Promise<DetectorPartial>;
  /** Submits and waits. */
  judge(submission?: Submission): Promise<DetectorPartial>;
  metrics(): Promise<string>;
  close(): Promise<void>;
};

/** `pictures`: a pool that tests share, because starting one for each takes longer than the tests. */
export async function openRunningJudge(pictures: PictureMaker): Promise<RunningJudge> {
  const folder = await mkdtemp(join(tmpdir(), 'llm-worker-'));
  const prefix = `test-${randomUUID().slice(0, 8)}`;
  const redis = openRedis(url, CONSUMER_OPTIONS, ignore);
  const store = await openDirectoryObjectStore(join(folder, 'objects'));
  const jobs = openDetectionJobs(redis, prefix, ignore);
  const server = await openJudgeServer();
  const services: Service[] = [];
  const openPictures = async () => ({ ...pictures, close: async () => undefined });
  const settings = {
    REDIS_URL: url,
    QUEUE_PREFIX: prefix,
    DATA_DIR: folder,
    LOG_LEVEL: 'silent',
    OPENAI_API_KEY: 'sk-test',
    OPENAI_BASE_URL: server.url,
    OPENAI_MODEL: 'judge-test',
  };

  const running: RunningJudge = {
    server,
    redis,
    prefix,
    store,
    settings,
    async start(env = {}, deps = {}) {
      const service = await startService(loadConfig({ ...settings, ...env }), { openPictures, ...deps });
      services.push(service);
      return service;
    },
    async submit(submission = {}) {
      const { file = photo, slots = ['llm'], tenant = 'default', llm = 'always', partials } = submission;
      const payload: RevisionPayload = { tenant, id: newDetectionId(Date.now()), revision: 1, slots };
      const { id } = payload;
      await store.create(uploadKey(tenant, id), file);
      await createJson(store, requestKey(tenant, id), RequestRecord, {
        v: 1,
        id,
        tenant,
        accepted_at: new Date().toISOString(),
        image: {
          sha256: 'a'.repeat(64),
          media_type: 'image/jpeg',
          declared_media_type: null,
          bytes: file.length,
          width: 320,
          height: 240,
        },
        options: { external_id: 'words of the client', detectors: slots, operating_point: null, llm },
        slots,
        priority: 10,
      });
      for (const partial of partials?.(payload) ?? []) {
        await createJson(store, partialKey(payload, partial.slot), DetectorPartial, partial);
      }
      await jobs.addFlow(payload, 10);
      return payload;
    },
    async partialOf(ref) {
      for (;;) {
        const partial = await readJson(store, partialKey(ref, 'llm'), DetectorPartial);
        if (partial !== null) return partial;
        await delay(5);
      }
    },
    judge: async (submission) => running.partialOf(await running.submit(submission)),
    metrics: async () => (await fetch(`${services[0]?.addresses['metrics']}/metrics`)).text(),
    async close() {
      await server.close();
      await Promise.all(services.map((service) => service.close()));
      await jobs.close();
      await closeRedis(redis);
      await store.close();
      await rm(folder, { recursive: true });
    },
  };
  return running;
}

export const openSharedPictures = () => openPicturePool({ size: 1, logger: createLogger('test', 'silent') });

/** What a detector answered, for the judge to read. */
export function detectorPartial(
  ref: RevisionPayload,
  slot: 'sbi' | 'distildire',
  score: number | null,
  more: Partial<DetectorPartial> = {},
): DetectorPartial {
  const { tenant, id, revision } = ref;
  return {
    v: 1,
    tenant,
    id,
    revision,
    slot,
    status: score === null ? 'not_applicable' : 'completed',
    reason: score === null ? 'no_face' : null,
    detail: null,
    detector: { id: `${slot}-test`, version: '1.0.0', weights_sha256: 'b'.repeat(64), provider: 'cpu' },
    score,
    scored_regions: score === null ? 0 : 1,
    faces: [],
    image: { width: 320, height: 240 },
    caveats: [],
    timings_ms: null,
    created_at: new Date().toISOString(),
    ...more,
  };
}
