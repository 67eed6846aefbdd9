import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { newDetectionId } from '@touchstone/shared/contracts/detection-id';
import type { RevisionPayload } from '@touchstone/shared/queue/catalog';
import { openDetectionJobs, type DetectionJobs } from '@touchstone/shared/queue/detection-jobs';
import { openJobWorker } from '@touchstone/shared/queue/job-worker';
import { closeRedis, CONSUMER_OPTIONS, openRedis } from '@touchstone/shared/queue/redis-connection';
import { loadOpsConfig } from '../src/ops/config.ts';
import { startOps } from '../src/ops/start-ops.ts';

const ignore = () => undefined;

export type RunningOps = Awaited<ReturnType<typeof runOps>>;
export type Answer = { status: number; headers: NodeJS.Dict<string | string[]>; body: string };

/** The operators' port on a free port, with real Redis and a directory of its own. */
export async function runOps(settings: NodeJS.ProcessEnv = {}) {
  const dataDir = await mkdtemp(join(tmpdir(), 'ops-'));
  const prefix = `test-${randomUUID().slice(0, 8)}`;
  const service = await startOps(
    loadOpsConfig({
      REDIS_URL: process.env['TEST_REDIS_URL'],
      QUEUE_PREFIX: prefix,
      DATA_DIR: dataDir,
      LOG_LEVEL: 'silent',
      OPS_PORT: '0',
      ...settings,
    }),
  );
  const url = service.addresses['ops']!;
  const password = (await readFile(join(dataDir, 'ops-password'), 'utf8')).trim();
  const redis: Redis = openRedis(process.env['TEST_REDIS_URL']!, CONSUMER_OPTIONS, ignore);
  const jobs: DetectionJobs = openDetectionJobs(redis, prefix, ignore);

  /** By node:http, because `fetch` sends no `Origin`, `Host` or `Sec-Fetch-Site` of ours. */
  const ask = (
    method: string,
    path: string,
    headers: Record<string, string> = {},
    body = '',
    base = url,
  ): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const outgoing = request(base + path, { method, headers, agent: false }, (response) => {
        response.setEncoding('utf8');
        let text = '';
        response.on('data', (chunk: string) => (text += chunk));
        response.once('end', () => resolve({ status: response.statusCode!, headers: response.headers, body: text }));
      });
      outgoing.once('error', reject);
      outgoing.end(body);
    });
  const postForm = (path: string, fields: Record<string, string>, headers: Record<string, string> = {}) => {
    const body = new URLSearchParams(fields).toString();
    const type = { 'content-type': 'application/x-www-form-urlencoded', 'content-length': String(body.length) };
    return ask('POST', path, { origin: url, ...type, ...headers }, body);
  };
  return {
    url,
    password,
    dataDir,
    prefix,
    redis,
    jobs,
    metricsUrl: service.addresses['metrics']!,
    ask,
    postForm,
    logIn: (given = password, headers: Record<string, string> = {}) =>
      postForm('/login', { username: 'ops', password: given }, headers),
    /** Headers of a person who has logged in and clicks on our own page. */
    async session(): Promise<Record<string, string>> {
      const answer = await this.logIn();
      const [cookie] = answer.headers['set-cookie'] as string[];
      return { cookie: cookie!.split(';')[0]!, origin: url };
    },
    /** Adds a detection whose `sbi` job fails for good with this reason; resolves with its payload. */
    async failJob(reason: string): Promise<RevisionPayload> {
      const payload: RevisionPayload = {
        tenant: 'default',
        id: newDetectionId(Date.now()),
        revision: 1,
        slots: ['sbi'],
      };
      const add = () => jobs.addFlow(payload, 10);
      await new Promise<void>((resolve, reject) => {
        const worker = openJobWorker(
          'detect-sbi',
          {
            connection: redis,
            prefix,
            concurrency: 1,
            events: {
              onFailed: (_queue, _id, _error, willRetry) => {
                if (!willRetry) void worker.close().then(resolve, reject);
              },
              onStalled: ignore,
              onError: reject,
            },
          },
          () => Promise.reject(new Error(reason)),
        );
        worker.start();
        // A job with its tries used up fails at once.
        add()
          .then(() => redis.hset(`${prefix}:detect-sbi:${payload.id}-r1-sbi`, 'atm', 99))
          .catch(reject);
      });
      return payload;
    },
    async close() {
      await service.close();
      await jobs.close();
      await closeRedis(redis);
      await rm(dataDir, { recursive: true });
    },
  };
}
