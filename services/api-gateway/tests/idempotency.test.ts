import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash, randomUUID } from 'node:crypto';
import { Detection } from '@touchstone/shared/contracts/detection';
import { newDetectionId } from '@touchstone/shared/contracts/detection-id';
import { Problem } from '@touchstone/shared/contracts/failure';
import { IDEMPOTENCY_IN_FLIGHT_MS, IDEMPOTENCY_TTL_MS } from '@touchstone/shared/contracts/idempotency-record';
import { IdempotencyRecord } from '@touchstone/shared/contracts/idempotency-record';
import { createJson, readJson } from '@touchstone/shared/storage/json-object';
import { idempotencyKey, pendingKey, requestKey, uploadKey } from '@touchstone/shared/storage/keys';
import { formOf, runGateway, until, type RunningGateway } from './running-gateway.ts';
import { jpegOf } from './tiny-images.ts';

const PATH = '/api/v1/detections';
const image = jpegOf(20, 30);
const hashOf = (key: string) => createHash('sha256').update(key).digest('hex');

describe('an Idempotency-Key', () => {
  let gateway: RunningGateway;
  beforeAll(async () => {
    gateway = await runGateway();
  });
  afterAll(() => gateway.close());

  const post = (key: string, fields: Record<string, string> = {}, picture = image) =>
    gateway.post(PATH, formOf(picture, fields), { 'Idempotency-Key': key });
  const recordOf = async (key: string) =>
    (await readJson(gateway.store, idempotencyKey('default', hashOf(key)), IdempotencyRecord))!;
  /** Stores the record of a key as it was before the given age, naming a new detection. */
  const storeRecord = async (key: string, ageMs: number, fingerprint: string) => {
    const acceptedMs = Date.now() - ageMs;
    const id = newDetectionId(acceptedMs);
    const record: IdempotencyRecord = { v: 1, id, tenant: 'default', fingerprint, accepted_ms: acceptedMs };
    await gateway.store.delete(idempotencyKey('default', hashOf(key)));
    await createJson(gateway.store, idempotencyKey('default', hashOf(key)), IdempotencyRecord, record);
    return id;
  };
  const fingerprintOfImage = async () => {
    const key = randomUUID();
    await post(key);
    return (await recordOf(key)).fingerprint;
  };

  it('makes a repeated request a replay of the first, whatever the boundary of its form', async () => {
    const key = randomUUID();
    const [first, second] = [await post(key), await post(key)];
    expect([first.status, second.status]).toEqual([202, 202]);
    expect([first.headers.get('idempotency-replay'), second.headers.get('idempotency-replay')]).toEqual([null, 'true']);
    const ids = [Detection.parse(await first.json()).id, Detection.parse(await second.json()).id];
    expect(ids[0]).toBe(ids[1]);
    expect(second.headers.get('location')).toBe(`${PATH}/${ids[0]}`);
  });

  it('refuses another image or other options under the same key', async () => {
    const key = randomUUID();
    await post(key);
    for (const again of [await post(key, {}, jpegOf(21, 30)), await post(key, { external_id: 'other' })]) {
      expect(again.status).toBe(422);
      expect(Problem.parse(await again.json()).code).toBe('idempotency_key_reused');
    }
  });

  it('lets one of fifty requests at once through, and gives the others its detection or 409', async () => {
    const key = randomUUID();
    const answers = await Promise.all(Array.from({ length: 50 }, () => post(key)));
    const accepted = answers.filter(({ status }) => status === 202);
    const refused = answers.filter(({ status }) => status !== 202);
    const ids = new Set(await Promise.all(accepted.map(async (answer) => Detection.parse(await answer.json()).id)));
    expect(ids.size).toBe(1);
    expect(accepted.filter(({ headers }) => headers.get('idempotency-replay') === null)).toHaveLength(1);
    expect(new Set(refused.map(({ status }) => status)).size).toBeLessThanOrEqual(1);
    for (const answer of refused) {
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([409, '1']);
    }
    const [id] = [...ids];
    const pending = (await gateway.store.list('pending/', null, 1_000)).filter(({ key: name }) => name.includes(id!));
    expect(pending).toHaveLength(1);
  });

  it('answers 409 while the first request may still be underway, and later completes it under its id', async () => {
    const fingerprint = await fingerprintOfImage();
    const key = randomUUID();
    await storeRecord(key, IDEMPOTENCY_IN_FLIGHT_MS - 60_000, fingerprint);
    const early = await post(key);
    expect([early.status, early.headers.get('retry-after')]).toEqual([409, '1']);
    expect(Problem.parse(await early.json()).code).toBe('idempotency_in_progress');
    const id = await storeRecord(key, IDEMPOTENCY_IN_FLIGHT_MS + 1_000, fingerprint);
    const late = await post(key);
    expect([late.status, Detection.parse(await late.json()).id]).toEqual([202, id]);
    expect(await gateway.store.head(pendingKey({ tenant: 'default', id, revision: 1 }))).not.toBeNull();
  });

  it.each(['upload', 'request'])('completes what was cut off after the %s was stored', async (last) => {
    const fingerprint = await fingerprintOfImage();
    const key = randomUUID();
    const id = await storeRecord(key, IDEMPOTENCY_IN_FLIGHT_MS + 1_000, fingerprint);
    await gateway.store.create(uploadKey('default', id), image);
    if (last === 'request') {
      // As the process that died would have stored it.
      const donor = randomUUID();
      const given = Detection.parse(await (await post(donor)).json());
      const bytes = (await gateway.store.read(requestKey('default', given.id)))!;
      const text = Buffer.from(bytes).toString().replaceAll(given.id, id).replaceAll(hashOf(donor), hashOf(key));
      await gateway.store.create(requestKey('default', id), Buffer.from(text));
    }
    const answers = await Promise.all([post(key), post(key)]);
    const ids = await Promise.all(answers.map(async (answer) => Detection.parse(await answer.json()).id));
    expect(ids).toEqual([id, id]);
    expect((await gateway.get(`${PATH}/${id}`)).status).toBe(200);
  });

  it('is free again after a day, for one winner', async () => {
    const fingerprint = await fingerprintOfImage();
    const key = randomUUID();
    const old = await storeRecord(key, IDEMPOTENCY_TTL_MS + 1_000, fingerprint);
    const answers = await Promise.all(Array.from({ length: 10 }, () => post(key)));
    const accepted = answers.filter(({ status }) => status === 202);
    const ids = new Set(await Promise.all(accepted.map(async (answer) => Detection.parse(await answer.json()).id)));
    expect(ids.size).toBe(1);
    expect(ids.has(old)).toBe(false);
  });

  it('is shared by both ways to ask: POST /detect joins the detection that the key names', async () => {
    const key = randomUUID();
    const first = Detection.parse(await (await post(key)).json());
    const other = gateway.post('/api/v1/detect', formOf(image), { Prefer: 'wait=1' });
    const late = await gateway.post('/api/v1/detect', formOf(image), { 'Idempotency-Key': key, Prefer: 'wait=1' });
    expect([late.status, late.headers.get('location')]).toEqual([504, `${PATH}/${first.id}`]);
    expect(late.headers.get('idempotency-replay')).toBe('true');
    expect((await other).headers.get('location')).not.toBe(`${PATH}/${first.id}`);
    await gateway.storeVerdict(first.id);
    const answered = await gateway.post('/api/v1/detect', formOf(image), { 'Idempotency-Key': key });
    expect([answered.status, answered.headers.get('idempotency-replay')]).toEqual([200, 'true']);
    expect(await answered.json()).toMatchObject({ is_fake: true });
  });

  it('waits for the verdict of the first when the repeated request prefers that', async () => {
    const key = randomUUID();
    const first = Detection.parse(await (await post(key)).json());
    await gateway.storeVerdict(first.id);
    const headers = { 'Idempotency-Key': key, Prefer: 'wait=20' };
    const answer = await gateway.post(PATH, formOf(image), headers);
    expect([answer.status, answer.headers.get('idempotency-replay')]).toEqual([200, 'true']);
    expect(Detection.parse(await answer.json())).toMatchObject({ id: first.id, done: true });
    // Without a wish to wait, a replay is the first answer to the letter.
    expect(Detection.parse(await (await post(key)).json())).toEqual(first);
  });
});

it('an Idempotency-Key of one tenant says nothing to another', async () => {
  const gateway = await runGateway();
  const create = (tenant: string) => gateway.keys(`create --tenant ${tenant} --scopes detect:write,detect:read`);
  const secrets = [await create('one'), await create('two')];
  await until(async () => (await gateway.get(PATH)).status === 401);
  const key = randomUUID();
  const ids: string[] = [];
  for (const secret of secrets) {
    const headers = { 'Idempotency-Key': key, Authorization: `Bearer ${secret}` };
    const answer = await gateway.post(PATH, formOf(image), headers);
    expect([answer.status, answer.headers.get('idempotency-replay')]).toEqual([202, null]);
    ids.push(Detection.parse(await answer.json()).id);
  }
  expect(new Set(ids).size).toBe(2);
  await gateway.close();
});

describe('an Idempotency-Key that is no key', () => {
  let gateway: RunningGateway;
  beforeAll(async () => {
    gateway = await runGateway();
  });
  afterAll(() => gateway.close());

  it.each(['', 'x'.repeat(256), 'ümlaut'])('is refused: %p', async (key) => {
    const answer = await gateway.post(PATH, formOf(image), { 'Idempotency-Key': key });
    expect([answer.status, Problem.parse(await answer.json()).code]).toEqual([400, 'malformed_request']);
  });
});
