import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { openS3ObjectStore } from '@touchstone/shared/storage/s3-object-store';
import { S3CallError } from '@touchstone/shared/storage/s3-failure';
import { isRadosgwInstalled, RADOSGW_PACKAGES } from '../radosgw/radosgw-installed.ts';
import { startRadosgw, type Radosgw } from '../radosgw/start-radosgw.ts';
import { describeBucketError } from './check-bucket.ts';
import { checkStore } from './check-store.ts';
import { contextOf, runAlone } from './test-context.ts';

const isInstalled = isRadosgwInstalled();
if (!isInstalled) {
  process.stderr.write(`SKIPPED: doctor on S3 needs a radosgw (Debian: ${RADOSGW_PACKAGES.join(' ')})\n`);
}

/** The SDK finds credentials in the variables of the process. */
const CREDENTIALS = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'] as const;
const before = CREDENTIALS.map((name) => process.env[name]);
function setCredentials(accessKeyId: string, secretAccessKey: string): void {
  process.env['AWS_ACCESS_KEY_ID'] = accessKeyId;
  process.env['AWS_SECRET_ACCESS_KEY'] = secretAccessKey;
}
afterEach(() => {
  for (const [i, name] of CREDENTIALS.entries()) {
    if (before[i] === undefined) delete process.env[name];
    else process.env[name] = before[i];
  }
});

(isInstalled ? describe : describe.skip)('a bucket of a real radosgw', () => {
  let radosgw: Radosgw;
  beforeAll(async () => {
    radosgw = await startRadosgw();
  }, 120_000);
  afterAll(() => radosgw?.stop(), 60_000);

  const check = (more: NodeJS.ProcessEnv = {}) => {
    const { endpoint, bucket, region } = radosgw;
    return runAlone(checkStore, contextOf({ S3_BUCKET: bucket, S3_ENDPOINT: endpoint, AWS_REGION: region, ...more }));
  };

  it('is found sound in either checksum mode, and is as empty afterwards as before', async () => {
    const { accessKeyId, secretAccessKey, ...where } = radosgw;
    setCredentials(accessKeyId, secretAccessKey);
    for (const mode of ['WHEN_REQUIRED', 'WHEN_SUPPORTED']) {
      const findings = await check({ S3_CHECKSUM_MODE: mode });
      expect(findings).toMatchObject({
        store: {
          state: 'ok',
          what: expect.stringMatching(/^the bucket \S+ takes an object in [\d.]+ ms; create-only holds$/),
          facts: { create_only: true, checksum_mode: mode, bucket: where.bucket },
        },
        'store-targets': { state: 'ok', facts: { other_type: 403, first: 200, second: 412 } },
      });
      expect(JSON.stringify(findings)).not.toContain(secretAccessKey);
    }
    const credentials = { accessKeyId, secretAccessKey };
    const store = openS3ObjectStore({ ...where, credentials, checksumMode: 'WHEN_REQUIRED', maxSockets: 1 });
    expect(await store.list('', null, 10)).toEqual([]);
    await store.close();
  });

  it('that is not there is to be made', async () => {
    setCredentials(radosgw.accessKeyId, radosgw.secretAccessKey);
    const { store } = await check({ S3_BUCKET: 'no-such-bucket' });
    expect(store).toMatchObject({
      state: 'fail',
      facts: { code: 'NoSuchBucket', status: 404 },
      advice: expect.stringContaining('Create the bucket'),
    });
  });

  it.each([
    ['an unknown key', () => ['unknown', radosgw.secretAccessKey], 'InvalidAccessKeyId'],
    ['a wrong secret', () => [radosgw.accessKeyId, 'not-the-secret'], 'SignatureDoesNotMatch'],
  ] as const)('refuses %s, and the advice is about credentials', async (_, credentials, code) => {
    const [accessKeyId, secret] = credentials();
    setCredentials(accessKeyId!, secret!);
    const { store } = await check();
    expect(store).toMatchObject({ state: 'fail', facts: { code }, advice: expect.stringContaining('credentials') });
    expect(JSON.stringify(store)).not.toContain(secret);
  });
});

describe('a bucket', () => {
  let server: Server | null = null;
  afterEach(() => new Promise((resolve) => (server === null ? resolve(null) : server.close(resolve))));
  /** A server that takes every put, whatever stands there. */
  const overwritingServer = async () => {
    const stored = new Map<string, Buffer>();
    server = createServer((request, response) => {
      const key = request.url!.split('?')[0]!;
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        if (request.method === 'PUT') stored.set(key, Buffer.concat(chunks));
        if (request.method === 'DELETE') stored.delete(key);
        const body = request.method === 'GET' ? stored.get(key) : undefined;
        response.writeHead(request.method === 'GET' && body === undefined ? 404 : 200).end(body);
      });
    });
    await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };

  it('of a server that ignores conditions is refused, because verdicts would be overwritten', async () => {
    setCredentials('any', 'any');
    const { store } = await runAlone(
      checkStore,
      contextOf({ S3_BUCKET: 'bucket', S3_ENDPOINT: await overwritingServer() }),
    );
    expect(store).toMatchObject({
      state: 'fail',
      what: expect.stringContaining('create-only does not hold'),
      advice: expect.stringContaining('If-None-Match'),
      facts: { create_only: false },
    });
  });

  it('at an address where nobody listens is not reached, and the advice is about the address', async () => {
    setCredentials('any', 'any');
    const address = await overwritingServer();
    await new Promise((resolve) => server!.close(resolve));
    server = null;
    const { store } = await runAlone(checkStore, contextOf({ S3_BUCKET: 'bucket', S3_ENDPOINT: address }));
    expect(store).toMatchObject({
      state: 'fail',
      facts: { code: 'ECONNREFUSED', status: null },
      advice: expect.stringContaining('S3_ENDPOINT'),
    });
  });

  it('whose settings are refused is not tried', async () => {
    const { store } = await runAlone(checkStore, contextOf({ S3_BUCKET: 'bucket' }));
    expect(store).toMatchObject({ state: 'skip' });
  });

  it('that answers what nobody has heard of is left to its own logs', () => {
    const error = new S3CallError('PutObject', { code: 'Odd', status: 418, requestId: 'r', isPassing: false }, 1);
    expect(describeBucketError(error, {})).toMatchObject({ state: 'fail', advice: expect.stringContaining('logs') });
    const forbidden = new S3CallError('HeadObject', { code: 'Odd', status: 403, requestId: null, isPassing: false }, 1);
    expect(describeBucketError(forbidden, {}).advice).toContain('s3:ListBucket');
  });
});
