import { describe, expect, it } from '@jest/globals';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnvironment } from '../src/process/environment.ts';
import { OBJECT_STORE_SETTINGS, objectStoreSettings, openObjectStore } from '../src/storage/open-object-store.ts';

const read = (env: NodeJS.ProcessEnv) =>
  objectStoreSettings({ DATA_DIR: 'data', ...parseEnvironment(OBJECT_STORE_SETTINGS, env) });

describe('the settings of the object store', () => {
  it('mean the directory without a bucket', async () => {
    expect(read({ AWS_REGION: 'eu-west-1' })).toEqual({ dataDir: 'data', s3: null });
    const dataDir = await mkdtemp(join(tmpdir(), 's3-settings-'));
    const store = await openObjectStore({ dataDir, s3: null });
    await store.create('a/b', Buffer.from('x'));
    expect(await readFile(join(dataDir, 'objects/a/b'), 'utf8')).toBe('x');
    await store.close();
    await rm(dataDir, { recursive: true });
  });

  it('mean AWS with a bucket and a region', () => {
    expect(read({ S3_BUCKET: 'my-bucket', AWS_REGION: 'eu-west-1' }).s3).toEqual({
      bucket: 'my-bucket',
      endpoint: undefined,
      region: 'eu-west-1',
      checksumMode: 'WHEN_SUPPORTED',
    });
  });

  it('leave the checksums of the SDK off at an endpoint of one’s own, unless told otherwise', () => {
    const env = { S3_BUCKET: 'my-bucket', S3_ENDPOINT: 'http://ceph:7480' };
    expect(read(env).s3).toMatchObject({ region: 'us-east-1', checksumMode: 'WHEN_REQUIRED' });
    expect(read({ ...env, S3_CHECKSUM_MODE: 'WHEN_SUPPORTED' }).s3).toMatchObject({ checksumMode: 'WHEN_SUPPORTED' });
  });

  it('need a region on AWS', () => {
    expect(() => read({ S3_BUCKET: 'my-bucket' })).toThrow('AWS_REGION');
  });

  it.each([
    ['S3_BUCKET', 'My_Bucket'],
    ['S3_ENDPOINT', 'ftp://ceph'],
    ['S3_ENDPOINT', 'http://user:hunter2@ceph'],
    ['AWS_REGION', 'eu west'],
    ['S3_CHECKSUM_MODE', 'NEVER'],
  ])('refuse a bad %s without repeating it', (name, value) => {
    const message = (() => {
      try {
        read({ [name]: value });
        return '';
      } catch (error) {
        return (error as Error).message;
      }
    })();
    expect(message).toContain(name);
    expect(message).not.toContain(value);
  });
});
