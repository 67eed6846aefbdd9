import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { Detection } from '@touchstone/shared/contracts/detection';
import { openS3ObjectStore } from '@touchstone/shared/storage/s3-object-store';
import { isRadosgwInstalled, RADOSGW_PACKAGES } from '../../tools/radosgw/radosgw-installed.ts';
import { startRadosgw } from '../../tools/radosgw/start-radosgw.ts';
import { startSystem, type RunningSystem } from './support/running-system.ts';

const isInstalled = isRadosgwInstalled();
if (!isInstalled) {
  process.stderr.write(`SKIPPED: the whole system on S3 needs a radosgw (Debian: ${RADOSGW_PACKAGES.join(' ')})\n`);
}
const describeOnS3 = isInstalled ? describe : describe.skip;

describeOnS3('the whole system on a real S3 store', () => {
  let radosgw: Awaited<ReturnType<typeof startRadosgw>>;
  let system: RunningSystem;
  beforeAll(async () => {
    radosgw = await startRadosgw();
    system = await startSystem({
      env: {
        S3_BUCKET: radosgw.bucket,
        S3_ENDPOINT: radosgw.endpoint,
        AWS_REGION: radosgw.region,
        AWS_ACCESS_KEY_ID: radosgw.accessKeyId,
        AWS_SECRET_ACCESS_KEY: radosgw.secretAccessKey,
      },
    });
  }, 120_000);
  afterAll(async () => {
    await system?.stop();
    await radosgw?.stop();
  }, 60_000);

  it('brings a photo to its verdict, and keeps image, request, partials and verdict in the bucket', async () => {
    const picture = await sharp({ create: { width: 320, height: 240, channels: 3, background: '#468' } })
      .jpeg()
      .toBuffer();
    const form = new FormData();
    form.set('image', new Blob([new Uint8Array(picture)]), 'photo.jpg');
    const answer = await fetch(`${system.url}/api/v1/detections`, {
      method: 'POST',
      headers: { prefer: 'wait=50' },
      body: form,
    });
    expect(answer.status).toBe(200);
    const detection = Detection.parse(await answer.json());
    expect(detection).toMatchObject({ status: 'completed', degraded: [] });

    const { bucket, endpoint, region, accessKeyId, secretAccessKey } = radosgw;
    const store = openS3ObjectStore({
      bucket,
      endpoint,
      region,
      checksumMode: 'WHEN_REQUIRED',
      maxSockets: 4,
      credentials: { accessKeyId, secretAccessKey },
    });
    const keys = (await store.list('', null, 100)).map(({ key }) => key);
    await store.close();
    expect(keys.filter((key) => key.includes(detection.id)).map((key) => key.split('/')[0])).toEqual([
      'index',
      'partials',
      'partials',
      'requests',
      'uploads',
      'verdicts',
    ]);
  }, 90_000);
});
