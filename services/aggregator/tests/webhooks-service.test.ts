import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newDetectionId } from '@touchstone/shared/contracts/detection-id';
import { RequestRecord } from '@touchstone/shared/contracts/request-record';
import { VerdictRecord } from '@touchstone/shared/contracts/verdict-record';
import { endpointSecretContext, newEndpointId, type Callback } from '@touchstone/shared/contracts/webhook';
import { generateWebhookSecret } from '@touchstone/shared/outbound/webhook-keys';
import { verifyWebhook } from '@touchstone/shared/outbound/webhook-signature';
import type { Service } from '@touchstone/shared/process/run-service';
import { openDetectionJobs, type DetectionJobs } from '@touchstone/shared/queue/detection-jobs';
import { closeRedis, CONSUMER_OPTIONS, openRedis } from '@touchstone/shared/queue/redis-connection';
import { loadSecretKeys } from '@touchstone/shared/secrets/load-secret-keys';
import { openSecretBox } from '@touchstone/shared/secrets/secret-box';
import { openDirectoryObjectStore } from '@touchstone/shared/storage/directory-object-store';
import { createJson } from '@touchstone/shared/storage/json-object';
import { requestKey, verdictKey, type RevisionRef } from '@touchstone/shared/storage/keys';
import type { ObjectStore } from '@touchstone/shared/storage/object-store';
import { createDeliveryLog } from '@touchstone/shared/webhooks/delivery-log';
import { openEndpointRecords } from '@touchstone/shared/webhooks/endpoint-records';
import { endpointOf } from '../../../packages/shared/tests/endpoint-fixture.ts';
import { requestOf } from '../../../packages/fusion/tests/fusion-fixtures.ts';
import { createDetectionRecords, type DetectionRecords } from '../src/adapters/detection-records.ts';
import { loadConfig } from '../src/config.ts';
import { buildVerdict } from '../src/core/build-verdict.ts';
import { startService } from '../src/service.ts';
import { openReceiver, type TestReceiver } from './webhook-receiver.ts';

const ignore = () => undefined;

describe('the aggregator as the sender of webhooks', () => {
  let dataDir: string;
  let store: ObjectStore;
  let records: DetectionRecords;
  let redis: Redis;
  let jobs: DetectionJobs;
  let env: NodeJS.ProcessEnv;
  let receiver: TestReceiver;
  let service: Service;

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'aggregator-'));
    env = {
      REDIS_URL: process.env['TEST_REDIS_URL'],
      QUEUE_PREFIX: `test-${randomUUID().slice(0, 8)}`,
      DATA_DIR: dataDir,
      LOG_LEVEL: 'silent',
      SWEEP_INTERVAL_MS: '100',
      WEBHOOK_ALLOW_LOOPBACK: '1',
    };
    store = await openDirectoryObjectStore(join(dataDir, 'objects'));
    records = createDetectionRecords(store);
    redis = openRedis(env['REDIS_URL']!, CONSUMER_OPTIONS, ignore);
    jobs = openDetectionJobs(redis, env['QUEUE_PREFIX']!, ignore);
    receiver = await openReceiver();
  });
  afterEach(async () => {
    await service.close();
    await receiver.close();
    await jobs.close();
    await closeRedis(redis);
    await rm(dataDir, { recursive: true });
  });

  const start = async () => {
    service = await startService(loadConfig(env), { minAgeMs: 0, coolDownMs: 200 });
  };
  /** A detection with its verdict, whose webhook is owed and, unless the sweeper is to find it, enqueued. */
  const owe = async (callback: Callback): Promise<RevisionRef> => {
    const id = newDetectionId(Date.now());
    const ref = { tenant: 'default', id, revision: 1 };
    const request = requestOf({ id, callback });
    await createJson(store, requestKey('default', id), RequestRecord, request);
    const at = { expired: true, nowMs: Date.now() };
    await createJson(
      store,
      verdictKey(ref),
      VerdictRecord,
      buildVerdict({ request, revision: 1, partials: [], calibration: null, ...at }),
    );
    await records.oweDelivery(ref);
    return ref;
  };
  const enqueue = (ref: RevisionRef) => jobs.addDelivery({ ...ref, cause: 'verdict' });
  const endpointAt = async (url: string) => {
    const box = openSecretBox(await loadSecretKeys(undefined, dataDir));
    const id = newEndpointId(Date.now());
    const secret = generateWebhookSecret();
    const sealed = box.seal(secret, endpointSecretContext('default', id));
    const secrets = [{ sealed, created_at: new Date().toISOString(), expires_at: null }];
    await openEndpointRecords(store).create(endpointOf({ id, url, secrets }));
    return { id, secret };
  };
  const delivered = async (ref: RevisionRef) => {
    while (await records.owesDelivery(ref)) await redis.ping();
  };

  it('goes on with its schedule, id and bytes after a restart and after Redis has forgotten everything', async () => {
    const { id, secret } = await endpointAt(receiver.url);
    receiver.answerWith(500);
    await start();
    const ref = await owe({ kind: 'endpoint', endpoint: id });
    await enqueue(ref);
    await receiver.has(1);
    const firstMs = Date.now();
    await service.close();
    await redis.del(await redis.keys(`${env['QUEUE_PREFIX']}:*`));
    receiver.answerWith(204);
    await start();
    await receiver.has(2);
    // The second attempt is due 5 s after the first, +-10 %, whoever makes it.
    expect(Date.now() - firstMs).toBeGreaterThan(4_400);
    await delivered(ref);
    const [first, second] = receiver.received;
    expect([second!.body, second!.headers['webhook-id']]).toEqual([first!.body, first!.headers['webhook-id']]);
    for (const { headers, body } of receiver.received) {
      const message = { headers: headers as Record<string, string>, body: Buffer.from(body) };
      expect(verifyWebhook(message, [secret], Math.floor(Date.now() / 1_000))).toBe('valid');
    }
    const log = await createDeliveryLog(store).attempts(id, ref);
    expect(log.map(({ attempt, outcome }) => [attempt, outcome])).toEqual([
      [1, 'retrying'],
      [2, 'delivered'],
    ]);
  });

  it('tells twenty sound endpoints while a black hole holds as many places as it can get', async () => {
    env['DELIVERY_CONCURRENCY'] = '8';
    const release = receiver.hang();
    const hole = await endpointAt(receiver.url);
    await start();
    const owed = await Promise.all(Array.from({ length: 15 }, () => owe({ kind: 'endpoint', endpoint: hole.id })));
    await Promise.all(owed.map(enqueue));
    await receiver.has(5);
    const sound = await openReceiver();
    const endpoints = await Promise.all(Array.from({ length: 20 }, (_, i) => endpointAt(`${sound.url}/${i}`)));
    await Promise.all(
      endpoints.map(async ({ id }) => {
        const ref = await owe({ kind: 'endpoint', endpoint: id });
        await enqueue(ref);
        await delivered(ref);
      }),
    );
    expect(sound.received).toHaveLength(20);
    // No place had come free: those of the hole still hang.
    expect(receiver.received).toHaveLength(5);
    receiver.answerWith(204);
    release();
    await Promise.all(owed.map(delivered));
    await sound.close();
  });

  it('waits at its stop for the sends that are underway', async () => {
    const release = receiver.hang();
    await start();
    const ref = await owe({ kind: 'once', url: receiver.url });
    await enqueue(ref);
    await receiver.has(1);
    const closed = service.close();
    release();
    await closed;
    expect(await records.owesDelivery(ref)).toBe(false);
    expect(await createDeliveryLog(store).attempts('once', ref)).toMatchObject([{ outcome: 'delivered' }]);
  });

  it('shows what is owed and what came of it in its metrics', async () => {
    receiver.answerWith(404);
    await start();
    const ref = await owe({ kind: 'once', url: receiver.url });
    await enqueue(ref);
    await receiver.has(1);
    const metrics = async () => await (await fetch(`${service.addresses['metrics']}/metrics`)).text();
    const shows = async (line: RegExp) => {
      for (;;) {
        const [found] = line.exec(await metrics()) ?? [];
        if (found !== undefined) return found;
        await redis.ping();
      }
    };
    await shows(/^touchstone_webhook_attempts_total\{outcome="retrying",error_class="none",[^}]*\} 1$/m);
    await shows(/^touchstone_undelivered_webhooks\{[^}]*\} 1$/m);
    await shows(/^touchstone_webhook_first_attempt_seconds_count\{[^}]*\} 1$/m);
    receiver.answerWith(204);
    await jobs.addDelivery({ ...ref, cause: 'redelivery' });
    await delivered(ref);
    expect(await shows(/^touchstone_undelivered_webhooks\{[^}]*\} 0$/m)).toContain('service="aggregator"');
  });
});
