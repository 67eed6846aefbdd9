import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { inspect } from 'node:util';
import { isRadosgwInstalled, RADOSGW_PACKAGES } from '../../../tools/radosgw/radosgw-installed.ts';
import { startRadosgw, type Radosgw } from '../../../tools/radosgw/start-radosgw.ts';
import { openS3ObjectStore, type S3ObjectStoreOptions } from '../src/storage/s3-object-store.ts';
import { describeObjectStore } from './object-store.contract.ts';
import { describePresignedPuts } from './presigned-put.contract.ts';

const isInstalled = isRadosgwInstalled();
if (!isInstalled) {
  const install = `apt-get install --no-install-recommends ${RADOSGW_PACKAGES.join(' ')}`;
  process.stderr.write(`SKIPPED: the S3 adapter is not proved, because radosgw is not installed (${install})\n`);
}

(isInstalled ? describe : describe.skip)('the S3 adapter on a real radosgw', () => {
  let radosgw: Radosgw;
  let scratch: string;
  beforeAll(async () => {
    radosgw = await startRadosgw();
    scratch = await mkdtemp(join(tmpdir(), 's3-object-store-'));
  }, 120_000);
  afterAll(async () => {
    await radosgw.stop();
    await rm(scratch, { recursive: true });
  });

  const openStore = (options: Partial<S3ObjectStoreOptions> = {}) => {
    const { endpoint, region, bucket, accessKeyId, secretAccessKey } = radosgw;
    return openS3ObjectStore({
      endpoint,
      region,
      bucket,
      credentials: { accessKeyId, secretAccessKey },
      checksumMode: 'WHEN_REQUIRED',
      keyPrefix: `${randomBytes(6).toString('hex')}/`,
      maxSockets: 32,
      ...options,
    });
  };
  const newFile = async (bytes: number) => {
    const body = randomBytes(bytes);
    const path = join(scratch, randomBytes(6).toString('hex'));
    await writeFile(path, body);
    return { path, bytes, sha256: createHash('sha256').update(body).digest('hex') };
  };

  describeObjectStore('radosgw', async () => openStore());
  describePresignedPuts('radosgw', async () => openStore());
  describePresignedPuts('radosgw, with checksums', async () => openStore({ checksumMode: 'WHEN_SUPPORTED' }));

  it('stores the largest upload from disk, and takes no second one', async () => {
    const store = openStore();
    const largest = await newFile(26_214_400);
    expect(await store.create('uploads/t/1', largest)).toBe(true);
    expect(await store.create('uploads/t/1', await newFile(26_214_400))).toBe(false);
    const stored = await buffer((await store.readStream('uploads/t/1'))!);
    expect(createHash('sha256').update(stored).digest('hex')).toBe(largest.sha256);
    await store.close();
  });

  it('stores files and bytes unframed with the checksums of the SDK switched on', async () => {
    const store = openStore({ checksumMode: 'WHEN_SUPPORTED' });
    const file = await newFile(1_048_576);
    expect(await store.create('file', file)).toBe(true);
    expect(await store.create('bytes', Buffer.from('abc'))).toBe(true);
    expect(
      createHash('sha256')
        .update((await store.read('file'))!)
        .digest('hex'),
    ).toBe(file.sha256);
    expect(Buffer.from((await store.read('bytes'))!).toString()).toBe('abc');
    await store.close();
  });

  it('refuses a file whose bytes are not those of its digest, and stores nothing', async () => {
    const store = openStore();
    const changed = { ...(await newFile(100_000)), sha256: '0'.repeat(64) };
    await expect(store.create('changed', changed)).rejects.toMatchObject({ code: 'XAmzContentSHA256Mismatch' });
    expect(await store.head('changed')).toBeNull();
    await store.close();
  });

  it('keeps stores with different prefixes apart in one bucket', async () => {
    const [one, other] = [openStore(), openStore()];
    await one.create('a', Buffer.from('x'));
    expect(await other.list('', null, 10)).toEqual([]);
    expect((await one.list('', null, 10)).map(({ key }) => key)).toEqual(['a']);
    await Promise.all([one.close(), other.close()]);
  });

  it('says of a refused signature which call failed, and tells no key', async () => {
    const credentials = { accessKeyId: radosgw.accessKeyId, secretAccessKey: 'not-the-secret' };
    const store = openStore({ credentials });
    const failure = await store.read('a').then(
      () => null,
      (error: unknown) => error as Error,
    );
    expect(failure).toMatchObject({ name: 'S3CallError', code: 'SignatureDoesNotMatch', status: 403 });
    expect(failure!.cause).toBeUndefined();
    expect(inspect(failure, { depth: 9, showHidden: true })).not.toContain(radosgw.accessKeyId);
    await store.close();
  });

  it('says of a missing bucket that it is missing, not that a key is', async () => {
    const store = openStore({ bucket: 'no-such-bucket' });
    const expected = { code: 'NoSuchBucket', status: 404 };
    await expect(store.read('a')).rejects.toMatchObject(expected);
    await expect(store.create('a', Buffer.from('x'))).rejects.toMatchObject(expected);
    await expect(store.list('', null, 10)).rejects.toMatchObject(expected);
    await store.close();
  });
});
