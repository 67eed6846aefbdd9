import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DEFAULT_TENANT, newDetectionId } from '@touchstone/shared/contracts/detection-id';
import { RequestRecord } from '@touchstone/shared/contracts/request-record';
import type { RevisionPayload } from '@touchstone/shared/queue/catalog';
import { openDetectionJobs } from '@touchstone/shared/queue/detection-jobs';
import { closeRedis, CONSUMER_OPTIONS, openRedis } from '@touchstone/shared/queue/redis-connection';
import { requestKey, uploadKey } from '@touchstone/shared/storage/keys';

const ADDED_AT_ONCE = 50;

/** Payloads of `count` new detections of a whole image. */
export const makePayloads = (count: number): RevisionPayload[] =>
  Array.from({ length: count }, () => ({
    tenant: DEFAULT_TENANT,
    id: newDetectionId(Date.now()),
    revision: 1,
    slots: ['distildire'],
  }));

/** Runs `work` on all items, so many at a time. */
export async function inChunks<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let at = 0; at < items.length; at += ADDED_AT_ONCE) {
    await Promise.all(items.slice(at, at + ADDED_AT_ONCE).map(work));
  }
}

/**
 * Puts `count` accepted images into a directory store and their flows into the queue, as the gateway would leave them
 * for a worker that is away. Without its fsyncs: this is not what is measured.
 */
export async function preloadQueue(options: {
  redisUrl: string;
  queuePrefix: string;
  dataDir: string;
  image: Uint8Array;
  count: number;
}): Promise<void> {
  const { image } = options;
  const redis = openRedis(options.redisUrl, CONSUMER_OPTIONS, () => undefined);
  const jobs = openDetectionJobs(redis, options.queuePrefix, () => undefined);
  const put = async (key: string, body: Uint8Array | string) => {
    const path = join(options.dataDir, 'objects', key);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, body);
  };
  try {
    await inChunks(makePayloads(options.count), async (payload) => {
      const { tenant, id, slots } = payload;
      await put(uploadKey(tenant, id), image);
      const record: RequestRecord = {
        v: 1,
        id,
        tenant,
        accepted_at: new Date().toISOString(),
        image: {
          sha256: '0'.repeat(64),
          media_type: 'image/jpeg',
          declared_media_type: null,
          bytes: image.length,
          width: 512,
          height: 512,
        },
        options: { external_id: null, detectors: slots, operating_point: null },
        slots,
        priority: 10,
      };
      await put(requestKey(tenant, id), JSON.stringify(RequestRecord.parse(record)));
      await jobs.addFlow(payload, record.priority);
    });
  } finally {
    await jobs.close();
    await closeRedis(redis);
  }
}
