import { DetectionId, DEFAULT_TENANT } from '@touchstone/shared/contracts/detection-id';
import { CONSUMER_OPTIONS, closeRedis, openRedis } from '@touchstone/shared/queue/redis-connection';
import { listenForVerdicts } from '@touchstone/shared/queue/verdict-signal';
import { openDirectoryObjectStore } from '@touchstone/shared/storage/directory-object-store';
import { verdictKey } from '@touchstone/shared/storage/keys';
import type { BenchSystem } from './bench-system.ts';
import { openUploadClient } from './upload-client.ts';

const QUEUE_PREFIX = 'touchstone';
const SUBMIT_TIMEOUT_MS = 60_000;
/** An image without a verdict after so long counts as lost. */
const VERDICT_TIMEOUT_MS = 180_000;

/** A client of the running system that learns of verdicts without asking the gateway for them. */
export type DetectionClient = {
  /** Resolves when it was accepted. */
  submit(): Promise<DetectionId>;
  /** Rejects when none is stored in time. */
  verdictOf(id: DetectionId): Promise<void>;
  getHealth(): Promise<void>;
  close(): Promise<void>;
};

export async function openDetectionClient(system: BenchSystem, image: Uint8Array): Promise<DetectionClient> {
  const http = openUploadClient(system.url, image, SUBMIT_TIMEOUT_MS);
  const store = await openDirectoryObjectStore(system.objectsDir);
  const redis = openRedis(system.redisUrl, CONSUMER_OPTIONS, () => undefined);
  const signals = listenForVerdicts(redis, QUEUE_PREFIX);
  const isStored = async (id: DetectionId) =>
    (await store.head(verdictKey({ tenant: DEFAULT_TENANT, id, revision: 1 }))) !== null;
  return {
    async submit() {
      const { id } = (await http.post('/api/v1/detections')) as { id: unknown };
      return DetectionId.parse(id);
    },
    async verdictOf(id) {
      const found = new AbortController();
      const limit = AbortSignal.any([found.signal, AbortSignal.timeout(VERDICT_TIMEOUT_MS)]);
      // Listening comes first: a verdict may have been stored before the answer to its image arrived.
      const signal = signals.wait(id, limit);
      if (await isStored(id)) {
        found.abort();
        return;
      }
      await signal;
      if (!(await isStored(id))) throw new Error(`no verdict for ${id}`);
    },
    getHealth: () => http.get('/health'),
    async close() {
      http.close();
      await closeRedis(redis);
      await store.close();
    },
  };
}
