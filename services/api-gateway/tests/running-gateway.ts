import type { Redis } from 'ioredis';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Detection } from '@touchstone/shared/contracts/detection';
import type { Tenant } from '@touchstone/shared/contracts/detection-id';
import { Partial as DetectorPartial } from '@touchstone/shared/contracts/partial';
import { VerdictRecord } from '@touchstone/shared/contracts/verdict-record';
import type { Slot } from '@touchstone/shared/contracts/vocabulary';
import type { RevisionPayload } from '@touchstone/shared/queue/catalog';
import { openJobWorker, type JobEvents, type JobWorker } from '@touchstone/shared/queue/job-worker';
import { closeRedis, CONSUMER_OPTIONS, openRedis } from '@touchstone/shared/queue/redis-connection';
import { signalVerdict } from '@touchstone/shared/queue/verdict-signal';
import { openDirectoryObjectStore } from '@touchstone/shared/storage/directory-object-store';
import { createJson } from '@touchstone/shared/storage/json-object';
import { partialKey, verdictKey } from '@touchstone/shared/storage/keys';
import type { ObjectStore } from '@touchstone/shared/storage/object-store';
import { loadConfig } from '../src/config.ts';
import { runKeysCommand } from '../src/run-keys-command.ts';
import { startService } from '../src/service.ts';
import { jpegOf } from './tiny-images.ts';
import { partialOf, verdictOf } from './verdict-fixtures.ts';

const ignore = () => undefined;
const quiet: JobEvents = { onFailed: ignore, onStalled: ignore, onError: ignore };

export type RunningGateway = Awaited<ReturnType<typeof runGateway>>;

/** The real service on a free port, with real Redis and a directory of its own. */
export async function runGateway(settings: NodeJS.ProcessEnv = {}) {
  const dataDir = await mkdtemp(join(tmpdir(), 'gateway-'));
  const prefix = `test-${randomUUID().slice(0, 8)}`;
  const env: NodeJS.ProcessEnv = {
    REDIS_URL: process.env['TEST_REDIS_URL'],
    QUEUE_PREFIX: prefix,
    DATA_DIR: dataDir,
    LOG_LEVEL: 'silent',
    PORT: '0',
    HOST: '127.0.0.1',
    CALIBRATION_PATH: 'none',
    ...settings,
  };
  const service = await startService(loadConfig(env));
  const url = service.addresses['public']!;
  const store: ObjectStore = await openDirectoryObjectStore(join(dataDir, 'objects'));
  const redis: Redis = openRedis(process.env['TEST_REDIS_URL']!, CONSUMER_OPTIONS, ignore);
  const workers: JobWorker[] = [];
  let stopped: Promise<void> | null = null;
  const stop = () => (stopped ??= service.close());

  const storeVerdict = async (id: string, more: Partial<VerdictRecord> = {}, tenant: Tenant = 'default') => {
    const verdict = verdictOf({ id, tenant, ...more });
    await createJson(store, verdictKey({ tenant, id, revision: 1 }), VerdictRecord, verdict);
    await signalVerdict(redis, prefix, tenant, id);
  };
  return {
    url,
    metricsUrl: service.addresses['metrics']!,
    dataDir,
    prefix,
    store,
    redis,
    storeVerdict,
    storePartial: (id: string, slot: Slot) =>
      createJson(
        store,
        partialKey({ tenant: 'default', id, revision: 1 }, slot),
        DetectorPartial,
        partialOf(slot, { id }),
      ),
    /** Takes the jobs of `sbi` and brings each detection to its verdict, in the place of workers and aggregator. */
    answerJobs(verdict: Partial<VerdictRecord> = {}, seen: RevisionPayload[] = []) {
      const options = { connection: redis, prefix, concurrency: 4, events: quiet };
      const worker = openJobWorker('detect-sbi', options, async (payload) => {
        seen.push(payload);
        await storeVerdict(payload.id, verdict, payload.tenant);
        return {};
      });
      workers.push(worker);
      worker.start();
    },
    post: (path: string, form: FormData, headers: Record<string, string> = {}) =>
      fetch(url + path, { method: 'POST', body: form, headers }),
    get: (path: string, headers: Record<string, string> = {}) => fetch(url + path, { headers }),
    /** Posts an image, which must be accepted, and gives back the detection. */
    async submit(image: Buffer = jpegOf(20, 30), headers: Record<string, string> = {}): Promise<Detection> {
      const response = await this.post('/api/v1/detections', formOf(image), headers);
      if (response.status !== 202) throw new Error(`not accepted: ${response.status} ${await response.text()}`);
      return Detection.parse(await response.json());
    },
    /** Runs `npm run keys` and gives back the first line: of `create`, the key. */
    keys: async (command: string) =>
      (await runKeysCommand(command.split(' '), join(dataDir, 'keys.json'))).split('\n')[0]!,
    /** Everything that a refused upload must not leave behind. */
    async leftovers() {
      const objects = await store.list('', null, 100);
      return [...(await readdir(join(dataDir, 'spool'))), ...objects.map(({ key }) => key)];
    },
    stop,
    async close() {
      await stop();
      await Promise.all(workers.map((worker) => worker.close()));
      await closeRedis(redis);
      await rm(dataDir, { recursive: true });
    },
  };
}

export function formOf(image: Uint8Array | null, fields: Record<string, string> = {}): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  if (image !== null) form.append('image', new Blob([new Uint8Array(image)]), 'picture');
  return form;
}

/** Asks again and again until `condition` holds. Between two looks the machine is others'. */
export async function until(condition: () => boolean | Promise<boolean>, limitMs = 10_000): Promise<void> {
  const deadline = AbortSignal.timeout(limitMs);
  for (; !(await condition()); await delay(10)) deadline.throwIfAborted();
}

/** Sends raw bytes and gives back all that comes until the other side closes or `isEnough`. */
export function talk(
  url: string,
  pieces: Iterable<string | Uint8Array>,
  isEnough: (text: string) => boolean = () => false,
): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(Number(port), hostname);
    const end = () => {
      socket.destroy();
      resolve(text);
    };
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      if (isEnough(text)) end();
    });
    socket.on('close', end);
    // A reset after the answer came is what some of these tests are about: the text tells.
    socket.on('error', end);
    socket.setTimeout(15_000, () => reject(new Error(`no end after: ${text.slice(0, 200)}`)));
    for (const piece of pieces) socket.write(piece);
  });
}
