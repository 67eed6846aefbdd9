import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import sharp from 'sharp';
import { Detection } from '@touchstone/shared/contracts/detection';
import { UploadTarget } from '@touchstone/shared/contracts/upload';
import type { ObjectStore } from '@touchstone/shared/storage/object-store';
import { openS3ObjectStore } from '@touchstone/shared/storage/s3-object-store';
import { createExpirySweeper } from '../../services/aggregator/src/sweep-expired.ts';
import { openReceiver, type Receiver } from '../../services/api-gateway/tests/receiver.ts';
import { isRadosgwInstalled, RADOSGW_PACKAGES } from '../../tools/radosgw/radosgw-installed.ts';
import { startRadosgw } from '../../tools/radosgw/start-radosgw.ts';
import { startSystem, type RunningSystem } from './support/running-system.ts';
import { until } from './support/until.ts';

const isInstalled = isRadosgwInstalled();
if (!isInstalled) {
  process.stderr.write(`SKIPPED: the whole system on S3 needs a radosgw (Debian: ${RADOSGW_PACKAGES.join(' ')})\n`);
}
const describeOnS3 = isInstalled ? describe : describe.skip;
const DAY_MS = 86_400_000;

describeOnS3('the whole system on a real S3 store', () => {
  let radosgw: Awaited<ReturnType<typeof startRadosgw>>;
  let system: RunningSystem;
  let store: ObjectStore;
  let receiver: Receiver;
  let picture: Buffer;
  beforeAll(async () => {
    radosgw = await startRadosgw();
    const { bucket, endpoint, region, accessKeyId, secretAccessKey } = radosgw;
    store = openS3ObjectStore({
      bucket,
      endpoint,
      region,
      checksumMode: 'WHEN_REQUIRED',
      maxSockets: 4,
      credentials: { accessKeyId, secretAccessKey },
    });
    receiver = await openReceiver();
    picture = await sharp({ create: { width: 320, height: 240, channels: 3, background: '#468' } })
      .jpeg()
      .toBuffer();
    system = await startSystem({
      env: {
        S3_BUCKET: bucket,
        S3_ENDPOINT: endpoint,
        AWS_REGION: region,
        AWS_ACCESS_KEY_ID: accessKeyId,
        AWS_SECRET_ACCESS_KEY: secretAccessKey,
        WEBHOOK_ALLOW_LOOPBACK: '1',
      },
    });
  }, 120_000);
  afterAll(async () => {
    await system?.stop();
    await receiver?.close();
    await store?.close();
    await radosgw?.stop();
  }, 60_000);

  const post = (path: string, body: unknown) =>
    fetch(`${system.url}/api/v1/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', prefer: 'wait=50' },
      body: JSON.stringify(body),
    });
  const detect = async (fields: Record<string, string> = {}): Promise<Detection> => {
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.set(name, value);
    form.set('image', new Blob([new Uint8Array(picture)]), 'photo.jpg');
    const headers = { prefer: 'wait=50' };
    const answer = await fetch(`${system.url}/api/v1/detections`, { method: 'POST', headers, body: form });
    expect(answer.status).toBe(200);
    return Detection.parse(await answer.json());
  };
  const keysOf = async (part: string) =>
    (await store.list('', null, 1_000)).map(({ key }) => key).filter((key) => key.includes(part));
  const prefixesOf = async (part: string) => (await keysOf(part)).map((key) => key.split('/')[0]);

  it('brings a photo to its verdict, and keeps image, request, partials and verdict in the bucket', async () => {
    const detection = await detect();
    expect(detection).toMatchObject({ status: 'completed', degraded: [] });
    const expected = ['index', 'partials', 'partials', 'requests', 'uploads', 'verdicts'];
    expect(await prefixesOf(detection.id)).toEqual(expected);
  }, 90_000);

  it('takes an image that the client puts into the bucket itself, and keeps it once', async () => {
    const sha256 = createHash('sha256').update(picture).digest('hex');
    const opened = await post('uploads', { media_type: 'image/jpeg', bytes: picture.length, sha256 });
    expect([opened.status, opened.headers.get('cache-control')]).toEqual([201, 'no-store']);
    const { id: uploadId, url, method, headers } = UploadTarget.parse(await opened.json());
    const put = await fetch(url, { method, headers, body: new Uint8Array(picture) });
    expect(put.status).toBe(200);

    const answer = await post('detections', { upload_id: uploadId, external_id: 'direct' });
    expect(answer.status).toBe(200);
    const detection = Detection.parse(await answer.json());
    expect(detection).toMatchObject({ status: 'completed', external_id: 'direct', image: { sha256 } });
    expect(await keysOf(uploadId)).toEqual([`incoming/default/${uploadId}.json`]);
    expect(Buffer.from((await store.read(`uploads/default/${detection.id}`))!)).toEqual(picture);
    expect((await fetch(`${system.url}/api/v1/detections/${detection.id}`, { method: 'DELETE' })).status).toBe(204);
    expect([await prefixesOf(detection.id), await keysOf(uploadId)]).toEqual([['erased'], []]);
  }, 90_000);

  it('tells a registered endpoint of a verdict, and erases all of it when asked to', async () => {
    const registered = await post('webhook-endpoints', { url: receiver.url });
    expect(registered.status).toBe(201);
    const { id: endpoint } = (await registered.json()) as { id: string };
    const { id } = await detect({ webhook_endpoint_id: endpoint });
    const told = () => receiver.received.some(({ json }) => json.data['id'] === id);
    await until(async () => told() && (await keysOf('undelivered/')).length === 0);
    expect(await keysOf(`deliveries/default/${endpoint}`)).toEqual([
      `deliveries/default/${endpoint}/${id}/r1/0001.json`,
    ]);
    expect((await fetch(`${system.url}/api/v1/detections/${id}`, { method: 'DELETE' })).status).toBe(204);
    expect(await prefixesOf(id)).toEqual(['erased']);
  }, 90_000);

  it('keeps no image longer than it is to be kept', async () => {
    const { id } = await detect();
    const sweep = createExpirySweeper({
      store,
      retention: { uploadMs: 7 * DAY_MS, detectionMs: 90 * DAY_MS, idempotencyMs: 2 * DAY_MS },
      onRemoved: () => undefined,
      nowMs: () => Date.now() + 8 * DAY_MS,
      uptimeMs: () => performance.now(),
    });
    await sweep(async () => true);
    expect(await store.list('uploads/', null, 10)).toEqual([]);
    expect(await prefixesOf(id)).toEqual(['index', 'partials', 'partials', 'requests', 'verdicts']);
  }, 90_000);
});
