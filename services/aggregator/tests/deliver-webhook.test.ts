import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newDetectionId } from '@touchstone/shared/contracts/detection-id';
import { RequestRecord } from '@touchstone/shared/contracts/request-record';
import { VerdictRecord } from '@touchstone/shared/contracts/verdict-record';
import {
  endpointSecretContext,
  newEndpointId,
  type Callback,
  type DeliveryRecord,
  type EndpointRecord,
} from '@touchstone/shared/contracts/webhook';
import { openGuardedDispatcher, type GuardedDispatcher } from '@touchstone/shared/outbound/guarded-dispatcher';
import { generateWebhookSecret } from '@touchstone/shared/outbound/webhook-keys';
import { verifyWebhook } from '@touchstone/shared/outbound/webhook-signature';
import { RetryLaterError } from '@touchstone/shared/queue/retry-later-error';
import { openSecretBox } from '@touchstone/shared/secrets/secret-box';
import { deriveServiceSigningKeys } from '@touchstone/shared/secrets/service-signing-key';
import { openDirectoryObjectStore } from '@touchstone/shared/storage/directory-object-store';
import { createJson } from '@touchstone/shared/storage/json-object';
import { erasedKey, requestKey, undeliveredKey, verdictKey, type RevisionRef } from '@touchstone/shared/storage/keys';
import type { ObjectStore } from '@touchstone/shared/storage/object-store';
import { createDeliveryLog } from '@touchstone/shared/webhooks/delivery-log';
import { openEndpointRecords } from '@touchstone/shared/webhooks/endpoint-records';
import { requestOf } from '../../../packages/fusion/tests/fusion-fixtures.ts';
import { endpointOf } from '../../../packages/shared/tests/endpoint-fixture.ts';
import { createDetectionRecords } from '../src/adapters/detection-records.ts';
import { buildVerdict } from '../src/core/build-verdict.ts';
import { createRememberingLog } from '../src/adapters/remembering-log.ts';
import { createReceiverGate } from '../src/core/receiver-gate.ts';
import { deliverWebhook, type DeliverDeps } from '../src/deliver-webhook.ts';
import { createRests } from '../src/core/rests.ts';
import { createUndeliveredSweeper } from '../src/sweep-undelivered.ts';
import { openReceiver, type TestReceiver } from './webhook-receiver.ts';

const SECOND_MS = 1_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

describe('a webhook', () => {
  const secretKeys = [randomBytes(32)];
  const box = openSecretBox(secretKeys);
  const [serviceKey] = deriveServiceSigningKeys(secretKeys);
  let folder: string;
  let store: ObjectStore;
  let outbound: GuardedDispatcher;
  let receiver: TestReceiver;
  let nowMs: number;
  let attempts: DeliveryRecord[];
  let disabled: string[];
  let deps: DeliverDeps;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'deliver-'));
    store = await openDirectoryObjectStore(folder);
    outbound = openGuardedDispatcher({ allowHttp: true, allowLoopback: true, allowedPorts: 'any' });
    receiver = await openReceiver();
    nowMs = Date.now();
    attempts = [];
    disabled = [];
    deps = {
      records: createDetectionRecords(store),
      log: createDeliveryLog(store),
      endpoints: openEndpointRecords(store),
      box,
      serviceKey: serviceKey!.privateKey,
      outbound,
      gate: createReceiverGate(() => nowMs),
      deadlineMs: 5_000,
      onAttempt: (record) => attempts.push(record),
      onDisabled: (event) => disabled.push(event.reason),
      nowMs: () => nowMs,
      random: () => 0.5,
    };
  });
  afterEach(async () => {
    await receiver.close();
    await outbound.close();
    await store.close();
    await rm(folder, { recursive: true });
  });

  const addEndpoint = async (more: Partial<EndpointRecord> = {}, secrets = [generateWebhookSecret()]) => {
    const id = newEndpointId(nowMs);
    const at = new Date(nowMs).toISOString();
    const sealed = secrets.map((secret) => ({
      sealed: box.seal(secret, endpointSecretContext('default', id)),
      created_at: at,
      expires_at: null,
    }));
    await deps.endpoints.create(endpointOf({ id, url: receiver.url, secrets: sealed, ...more }));
    return { id, secret: secrets[0]! };
  };
  /** A detection with its verdict, whose webhook is owed. */
  const owe = async (callback: Callback | undefined): Promise<RevisionRef> => {
    const id = newDetectionId(nowMs);
    const ref = { tenant: 'default', id, revision: 1 };
    const request = requestOf({ id, ...(callback === undefined ? {} : { callback }) });
    await createJson(store, requestKey('default', id), RequestRecord, request);
    const verdict = buildVerdict({ request, revision: 1, partials: [], calibration: null, expired: true, nowMs });
    await createJson(store, verdictKey(ref), VerdictRecord, verdict);
    await deps.records.oweDelivery(ref);
    return ref;
  };
  const deliver = (ref: RevisionRef, cause: DeliveryRecord['cause'] = 'verdict') =>
    deliverWebhook(deps, { ...ref, cause });
  /** How long the job is put off, in ms. */
  const delayOf = async (delivery: Promise<void>): Promise<number> => {
    const error = await delivery.then(
      () => null,
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof RetryLaterError)) throw new Error('the job was not put off', { cause: error });
    return error.delayMs;
  };
  const isOwed = async (ref: RevisionRef) => (await store.head(undeliveredKey(ref))) !== null;
  const verifiedBy = (key: string, at = receiver.received.at(-1)!) => {
    const headers = at.headers as Record<string, string>;
    return verifyWebhook({ headers, body: Buffer.from(at.body) }, [key], Math.floor(nowMs / SECOND_MS));
  };

  it('is signed by the secret of its endpoint and by the service, and the marker goes when it is delivered', async () => {
    const { id, secret } = await addEndpoint();
    const ref = await owe({ kind: 'endpoint', endpoint: id });
    await deliver(ref);
    expect(JSON.parse(receiver.received[0]!.body)).toMatchObject({
      type: 'detection.failed',
      data: { id: ref.id, revision: 1, status: 'expired', href: `/api/v1/detections/${ref.id}` },
    });
    expect(receiver.received[0]!.headers['webhook-id']).toBe(`msg_${ref.id}_detection_failed_r1`);
    expect([verifiedBy(secret), verifiedBy(serviceKey!.publicKey)]).toEqual(['valid', 'valid']);
    expect(verifiedBy(generateWebhookSecret())).toBe('no_match');
    expect(await isOwed(ref)).toBe(false);
    expect(attempts).toMatchObject([{ outcome: 'delivered', status: 204, attempt: 1, receiver: id }]);
  });

  it('to an address given once is signed by the service alone', async () => {
    await deliver(await owe({ kind: 'once', url: receiver.url }));
    expect(receiver.received[0]!.headers['webhook-signature']).toMatch(/^v1a,\S+$/);
    expect(verifiedBy(serviceKey!.publicKey)).toBe('valid');
  });

  it('is signed by both secrets of a rotation, and by the old one only while it is valid', async () => {
    const secrets = [generateWebhookSecret(), generateWebhookSecret()];
    const { id } = await addEndpoint({}, secrets);
    const expiresAt = new Date(nowMs + DAY_MS).toISOString();
    await deps.endpoints.change('default', id, (endpoint) => ({
      secrets: endpoint.secrets.map((secret, i) => (i === 1 ? { ...secret, expires_at: expiresAt } : secret)),
    }));
    await deliver(await owe({ kind: 'endpoint', endpoint: id }));
    expect(secrets.map((secret) => verifiedBy(secret))).toEqual(['valid', 'valid']);
    nowMs += DAY_MS;
    await deliver(await owe({ kind: 'endpoint', endpoint: id }));
    expect(secrets.map((secret) => verifiedBy(secret))).toEqual(['valid', 'no_match']);
  });

  it('has the same id and bytes on all ten attempts of 75.6 hours, and is then a dead letter', async () => {
    const { id } = await addEndpoint();
    const ref = await owe({ kind: 'endpoint', endpoint: id });
    receiver.answerWith(404);
    const waits: number[] = [];
    for (let attempt = 1; attempt < 10; attempt++) {
      const delayMs = await delayOf(deliver(ref));
      waits.push(delayMs);
      nowMs += delayMs;
    }
    await deliver(ref);
    expect(waits.map((waitMs) => waitMs / SECOND_MS)).toEqual([
      5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400,
    ]);
    expect(new Set(receiver.received.map(({ body }) => body)).size).toBe(1);
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    expect(receiver.received).toHaveLength(10);
    expect(attempts.at(-1)).toMatchObject({ outcome: 'exhausted', attempt: 10, next_attempt_at: null });
    expect(await isOwed(ref)).toBe(false);
  });

  it('keeps its place in the schedule when Redis forgets the job that waited', async () => {
    const ref = await owe({ kind: 'once', url: receiver.url });
    receiver.answerWith(500);
    expect(await delayOf(deliver(ref))).toBe(5 * SECOND_MS);
    nowMs += 2 * SECOND_MS;
    expect(await delayOf(deliver(ref))).toBe(3 * SECOND_MS);
    expect(receiver.received).toHaveLength(1);
  });

  it('is not sent again by a job that Redis brings back from an older state', async () => {
    const ref = await owe({ kind: 'once', url: receiver.url });
    await deliver(ref);
    await deliver(ref);
    // Killed between the record of the delivery and the end of the marker.
    await deps.records.oweDelivery(ref);
    await deliver(ref);
    expect(receiver.received).toHaveLength(1);
    expect(await isOwed(ref)).toBe(false);
  });

  it('is sent once more, with the same id and bytes, when the sender dies before the record of the delivery', async () => {
    const ref = await owe({ kind: 'once', url: receiver.url });
    const dying = { ...deps, log: { ...deps.log, append: () => Promise.reject(new Error('killed')) } };
    await expect(deliverWebhook(dying, { ...ref, cause: 'verdict' })).rejects.toThrow('killed');
    expect(await isOwed(ref)).toBe(true);
    await deliver(ref);
    const [first, second] = receiver.received;
    expect([first!.body, first!.headers['webhook-id']]).toEqual([second!.body, second!.headers['webhook-id']]);
  });

  it('is not sent again when the store could not take the record of the delivery, as long as the sender lives', async () => {
    let isFull = true;
    const filling: ObjectStore = {
      ...store,
      create: (key, body) =>
        isFull && key.startsWith('deliveries/') ? Promise.reject(new Error('ENOSPC')) : store.create(key, body),
    };
    deps = { ...deps, log: createRememberingLog(createDeliveryLog(filling)) };
    const ref = await owe({ kind: 'once', url: receiver.url });
    await expect(deliver(ref)).rejects.toThrow('ENOSPC');
    await expect(deliver(ref)).rejects.toThrow('ENOSPC');
    expect(await isOwed(ref)).toBe(true);
    isFull = false;
    await deliver(ref);
    expect(receiver.received).toHaveLength(1);
    expect(await deps.log.attempts('once', ref)).toMatchObject([{ attempt: 1, outcome: 'delivered' }]);
    expect(await isOwed(ref)).toBe(false);
  });

  it('waits as long as the receiver asks, and so does every other one to it alone', async () => {
    const { id } = await addEndpoint();
    receiver.answerWith(429, { 'retry-after': '120' });
    const ref = await owe({ kind: 'endpoint', endpoint: id });
    expect(await delayOf(deliver(ref))).toBe(120 * SECOND_MS);
    receiver.answerWith(204);
    expect(await delayOf(deliver(await owe({ kind: 'endpoint', endpoint: id })))).toBe(120 * SECOND_MS);
    const other = await addEndpoint();
    await deliver(await owe({ kind: 'endpoint', endpoint: other.id }));
    expect(receiver.received).toHaveLength(2);
    nowMs += 120 * SECOND_MS;
    await deliver(ref);
    expect(attempts.at(-1)).toMatchObject({ outcome: 'delivered', attempt: 2 });
  });

  it('disables the endpoint that answers 410, which is sent nothing from then on', async () => {
    const { id } = await addEndpoint();
    receiver.answerWith(410);
    const ref = await owe({ kind: 'endpoint', endpoint: id });
    await deliver(ref);
    expect(await deps.endpoints.read('default', id)).toMatchObject({ status: 'disabled', disabled_reason: 'gone' });
    const next = await owe({ kind: 'endpoint', endpoint: id });
    await deliver(next);
    expect(receiver.received).toHaveLength(1);
    expect(attempts.map(({ outcome }) => outcome)).toEqual(['gone', 'disabled']);
    expect([await isOwed(ref), await isOwed(next)]).toEqual([false, false]);
    expect(disabled).toEqual(['gone']);
  });

  it('disables an endpoint after five days of nothing but failures, and not when one got through', async () => {
    const { id } = await addEndpoint();
    const failAt = async (status: number) => {
      receiver.answerWith(status);
      await deliver(await owe({ kind: 'endpoint', endpoint: id })).catch(() => undefined);
      nowMs += 3 * DAY_MS;
      return (await deps.endpoints.read('default', id))!.status;
    };
    expect([await failAt(500), await failAt(200), await failAt(500), await failAt(500)]).toEqual(
      Array.from({ length: 4 }, () => 'enabled'),
    );
    expect(await failAt(500)).toBe('disabled');
    expect(await deps.endpoints.read('default', id)).toMatchObject({ disabled_reason: 'failing' });
    expect(disabled).toEqual(['failing']);
  });

  it('fails on a redirect, and never follows it', async () => {
    const ref = await owe({ kind: 'once', url: receiver.url });
    receiver.answerWith(307, { location: receiver.url });
    await delayOf(deliver(ref));
    expect(receiver.received).toHaveLength(1);
    expect(attempts).toMatchObject([{ outcome: 'retrying', status: 307, response_start: 'what the receiver says' }]);
  });

  it('reaches no private address, whatever its URL says', async () => {
    const closed = openGuardedDispatcher({});
    const ref = await owe({ kind: 'once', url: receiver.url.replace('http:', 'https:') });
    await delayOf(deliverWebhook({ ...deps, outbound: closed }, { ...ref, cause: 'verdict' }));
    await closed.close();
    expect(receiver.received).toHaveLength(0);
    expect(attempts).toMatchObject([{ outcome: 'retrying', status: null }]);
    expect(['blocked_ip', 'blocked_url']).toContain(attempts[0]!.error_class);
  });

  it('is sent by at most five at once to one receiver, and a hanging one holds up no other', async () => {
    receiver.hang();
    const healthy = await openReceiver();
    const quick = { ...deps, deadlineMs: 400 };
    const slow = Array.from({ length: 5 }, async () =>
      delayOf(deliverWebhook(quick, { ...(await owe({ kind: 'once', url: receiver.url })), cause: 'verdict' })),
    );
    await receiver.has(5);
    expect(await delayOf(deliver(await owe({ kind: 'once', url: receiver.url })))).toBeGreaterThan(0);
    await deliver(await owe({ kind: 'once', url: healthy.url }));
    expect(healthy.received).toHaveLength(1);
    await Promise.all(slow);
    expect(attempts.filter((attempt) => attempt.error_class === 'timeout')).toHaveLength(5);
    await healthy.close();
  });

  it('asked for by hand is sent again, once, and takes no part in the schedule', async () => {
    const { id } = await addEndpoint();
    const ref = await owe({ kind: 'endpoint', endpoint: id });
    receiver.answerWith(500);
    await delayOf(deliver(ref));
    await deliver(ref, 'redelivery');
    expect(attempts.at(-1)).toMatchObject({ outcome: 'exhausted', cause: 'redelivery', attempt: 2 });
    expect(await isOwed(ref)).toBe(true);
    receiver.answerWith(200);
    await deliver(ref, 'redelivery');
    await deliver(ref, 'replay');
    expect(new Set(receiver.received.map(({ body }) => body)).size).toBe(1);
    expect(attempts.map(({ outcome }) => outcome)).toEqual(['retrying', 'exhausted', 'delivered', 'delivered']);
    expect(await isOwed(ref)).toBe(false);
  });

  it('of an erased detection is not sent, and leaves no record when it was underway', async () => {
    const ref = await owe({ kind: 'once', url: receiver.url });
    await store.create(erasedKey('default', ref.id), new Uint8Array());
    await deliver(ref);
    expect([receiver.received.length, await isOwed(ref)]).toEqual([0, false]);
    const second = await owe({ kind: 'once', url: receiver.url });
    const original = deps.records;
    let looks = 0;
    const records = {
      ...deps.records,
      // The tombstone appears between the two looks.
      async isErased(of: RevisionRef) {
        if (looks++ === 1) await store.create(erasedKey('default', of.id), new Uint8Array());
        return original.isErased(of);
      },
    };
    await deliverWebhook({ ...deps, records }, { ...second, cause: 'verdict' });
    expect(await store.list('deliveries/', null, 10)).toEqual([]);
    expect(await isOwed(second)).toBe(false);
  });

  it('takes an own number for each of ten attempts at once', async () => {
    const ref = await owe({ kind: 'once', url: receiver.url });
    await deliver(ref);
    const { attempt: _number, ...record } = attempts[0]!;
    await Promise.all(Array.from({ length: 10 }, () => deps.log.append(record)));
    const log = await deps.log.attempts('once', ref);
    expect(log.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  });

  describe('that Redis has forgotten', () => {
    const sweeperOf = (records = deps.records, state: 'missing' | 'underway' | 'completed' = 'missing') => {
      const added: string[] = [];
      const rests = createRests(() => nowMs);
      const sweep = createUndeliveredSweeper({
        store,
        records,
        log: deps.log,
        jobs: {
          deliveryStates: async (refs) => refs.map(() => state),
          addDelivery: async ({ id }) => void added.push(id),
        },
        onRequeued: () => undefined,
        logger: { info: () => undefined, warn: () => undefined } as never,
        clocks: { minAgeMs: 0, coolDownMs: 15_000 },
        rests,
        nowMs: () => nowMs,
      });
      return { added, rests, sweep: () => sweep(async () => true) };
    };

    it('is enqueued again, and then left alone for a while', async () => {
      const ref = await owe({ kind: 'once', url: receiver.url });
      const { added, sweep } = sweeperOf();
      expect(await sweep()).toMatchObject({ undelivered: 1 });
      await sweep();
      expect(added).toEqual([ref.id]);
      nowMs += 15 * SECOND_MS;
      await sweep();
      expect(added).toEqual([ref.id, ref.id]);
    });

    it('is enqueued again at once when Redis has come back meanwhile', async () => {
      const ref = await owe({ kind: 'once', url: receiver.url });
      const { added, rests, sweep } = sweeperOf();
      await sweep();
      rests.clear();
      await sweep();
      expect(added).toEqual([ref.id, ref.id]);
    });

    it('is left to the job that waits for its next attempt', async () => {
      await owe({ kind: 'once', url: receiver.url });
      const { added, sweep } = sweeperOf(deps.records, 'underway');
      await sweep();
      expect(added).toEqual([]);
    });

    it('is not enqueued when it is delivered between the listing and the second look', async () => {
      const ref = await owe({ kind: 'once', url: receiver.url });
      const original = deps.records;
      const records = {
        ...deps.records,
        async request(of: RevisionRef) {
          await deliver(of);
          return original.request(of);
        },
      };
      const { added, sweep } = sweeperOf(records, 'completed');
      await sweep();
      expect([added, await isOwed(ref)]).toEqual([[], false]);
    });

    it('loses a marker that was left behind after the delivery', async () => {
      const ref = await owe({ kind: 'once', url: receiver.url });
      await deliver(ref);
      await deps.records.oweDelivery(ref);
      const { added, sweep } = sweeperOf();
      await sweep();
      expect([added, await isOwed(ref)]).toEqual([[], false]);
    });
  });
});
