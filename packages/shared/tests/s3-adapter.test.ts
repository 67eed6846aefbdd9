import { afterEach, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import type { ObjectStore } from '../src/storage/object-store.ts';
import { openS3ObjectStore, type S3ObjectStoreOptions } from '../src/storage/s3-object-store.ts';
import { answer, cut, hang, openScriptedServer, type ScriptedServer, type Step } from './s3-scripted-server.ts';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

const openStoreOn = async (
  steps: Step[],
  options: Partial<S3ObjectStoreOptions> = {},
): Promise<{ store: ObjectStore; server: ScriptedServer }> => {
  const server = await openScriptedServer(steps);
  const store = openS3ObjectStore({
    endpoint: server.endpoint,
    region: 'us-east-1',
    bucket: 'b',
    credentials: { accessKeyId: 'AKIDSECRET', secretAccessKey: 'very-secret' },
    checksumMode: 'WHEN_REQUIRED',
    maxSockets: 8,
    ...options,
  });
  closers.push(
    () => server.close(),
    () => store.close(),
  );
  return { store, server };
};
const newFile = async (body: Buffer) => {
  const folder = await mkdtemp(join(tmpdir(), 's3-adapter-'));
  closers.push(() => rm(folder, { recursive: true }));
  const path = join(folder, 'upload');
  await writeFile(path, body);
  return { path, bytes: body.length, sha256: createHash('sha256').update(body).digest('hex') };
};
const methods = (server: ScriptedServer) => server.requests.map(({ method }) => method);
const body = Buffer.from('verdict');

describe('create on S3', () => {
  it('sends one conditional put of known length', async () => {
    const { store, server } = await openStoreOn([answer(200)]);
    expect(await store.create('a/b', body)).toBe(true);
    expect(server.requests).toHaveLength(1);
    expect(server.requests[0]).toMatchObject({
      method: 'PUT',
      headers: { 'if-none-match': '*', 'content-length': '7' },
      body,
    });
    expect(server.requests[0]!.url).toMatch(/^\/b\/a\/b(\?|$)/);
  });

  it('says false at the first 412, without another request', async () => {
    const { store, server } = await openStoreOn([answer(412, 'PreconditionFailed')]);
    expect(await store.create('a', body)).toBe(false);
    expect(methods(server)).toEqual(['PUT']);
  });

  it('tries again after a conflict with another writer', async () => {
    const { store, server } = await openStoreOn([answer(409, 'ConditionalRequestConflict'), answer(200)]);
    expect(await store.create('a', body)).toBe(true);
    expect(methods(server)).toEqual(['PUT', 'PUT']);
  });

  it('tries again after 503 and after an error page that is not XML', async () => {
    const page: Step = (response) => {
      response.writeHead(502, { 'content-type': 'text/html' }).end('<html><p>Bad gateway');
    };
    const { store, server } = await openStoreOn([answer(503, 'SlowDown'), page, answer(200)]);
    expect(await store.create('a', body)).toBe(true);
    expect(methods(server)).toEqual(['PUT', 'PUT', 'PUT']);
  });

  it('sends a file again from its first byte', async () => {
    const bytes = Buffer.alloc(300_000, 'touchstone');
    const { store, server } = await openStoreOn([answer(503, 'SlowDown'), cut, answer(200)]);
    const file = await newFile(bytes);
    expect(await store.create('a', file)).toBe(true);
    expect(server.requests.map((request) => request.body.equals(bytes))).toEqual([true, true, true]);
    expect(server.requests[2]!.headers).toMatchObject({
      'content-length': '300000',
      'x-amz-content-sha256': file.sha256,
      'x-amz-meta-sha256': file.sha256,
    });
  });

  it.each([
    ['WHEN_SUPPORTED', true],
    ['WHEN_REQUIRED', false],
  ] as const)('sends a file unframed with checksums %s', async (checksumMode, hasChecksum) => {
    const { store, server } = await openStoreOn([answer(200)], { checksumMode });
    const file = await newFile(Buffer.alloc(100_000, 'x'));
    await store.create('a', file);
    const { headers, body: sent } = server.requests[0]!;
    expect(sent).toHaveLength(100_000);
    expect(headers['content-encoding']).toBeUndefined();
    expect(headers['x-amz-checksum-sha256']).toBe(
      hasChecksum ? Buffer.from(file.sha256, 'hex').toString('base64') : undefined,
    );
  });

  it('says true when the answer to its successful put was lost', async () => {
    const own: Step = (response, request) => {
      const writer = String(server.requests[0]!.headers['x-amz-meta-writer']);
      expect(request.method).toBe('HEAD');
      response.writeHead(200, { 'content-length': '7', 'x-amz-meta-writer': writer }).end();
    };
    const { store, server } = await openStoreOn([cut, answer(412, 'PreconditionFailed'), own]);
    expect(await store.create('a', body)).toBe(true);
    expect(methods(server)).toEqual(['PUT', 'PUT', 'HEAD']);
  });

  it('says false when its put was lost on the way and another writer won', async () => {
    const foreign = answer(200, undefined, { 'x-amz-meta-writer': 'somebody-else' });
    const { store } = await openStoreOn([cut, answer(412, 'PreconditionFailed'), foreign]);
    expect(await store.create('a', body)).toBe(false);
  });

  it('puts again when the object that stood in its way is gone', async () => {
    const { store, server } = await openStoreOn([cut, answer(412, 'PreconditionFailed'), answer(404), answer(200)]);
    expect(await store.create('a', body)).toBe(true);
    expect(methods(server)).toEqual(['PUT', 'PUT', 'HEAD', 'PUT']);
  });

  it('rejects, instead of saying false, when it cannot find out whose object stands', async () => {
    const { store } = await openStoreOn([cut, answer(412, 'PreconditionFailed'), answer(403)]);
    await expect(store.create('a', body)).rejects.toMatchObject({ name: 'S3CallError', status: 403 });
  });

  it('says true when its first put was received and never answered', async () => {
    const own: Step = (response) => {
      const writer = String(server.requests[0]!.headers['x-amz-meta-writer']);
      response.writeHead(200, { 'x-amz-meta-writer': writer }).end();
    };
    const { store, server } = await openStoreOn([hang, answer(412, 'PreconditionFailed'), own], {
      limits: { attemptTimeoutMs: 1_000 },
    });
    expect(await store.create('a', body)).toBe(true);
  });

  it('rejects with the error of a file that cannot be read', async () => {
    const { store, server } = await openStoreOn([]);
    const missing = { path: join(tmpdir(), 'no-such-upload'), bytes: 1, sha256: '0'.repeat(64) };
    await expect(store.create('a', missing)).rejects.toMatchObject({ code: 'ENOENT' });
    expect(server.requests).toEqual([]);
  });
});

describe('a presigned put on S3', () => {
  const grant = { key: 'a/b', mediaType: 'image/png', bytes: 7, sha256: 'ab'.repeat(32), validForS: 60 };

  it.each([
    ['WHEN_SUPPORTED', Buffer.from(grant.sha256, 'hex').toString('base64')],
    ['WHEN_REQUIRED', undefined],
  ] as const)('binds type, length, condition and, with checksums %s, the digest', async (checksumMode, checksum) => {
    const { store, server } = await openStoreOn([], { checksumMode });
    const { url, headers } = await store.presignPut!(grant);
    const query = new URL(url).searchParams;
    const bound = query.get('X-Amz-SignedHeaders')!.split(';');
    expect(bound).toEqual(expect.arrayContaining(['content-length', 'host', ...Object.keys(headers)]));
    expect(headers['x-amz-checksum-sha256']).toBe(checksum);
    expect(query.get('X-Amz-Expires')).toBe('60');
    expect(url).not.toContain('very-secret');
    expect(server.requests).toEqual([]);
  });
});

describe('a call to S3', () => {
  it('gives up after its attempts, and says how many', async () => {
    const busy = answer(503, 'SlowDown');
    const { store, server } = await openStoreOn([busy, busy, busy], { limits: { attempts: 3 } });
    await expect(store.head('a')).rejects.toMatchObject({
      message: expect.stringMatching(
        /^object store: HeadObject failed \(\w+, status 503, attempts 3, request req-1\)$/,
      ),
      isPassing: true,
    });
    expect(server.requests).toHaveLength(3);
  });

  it('ends at its deadline when the store hangs, however many attempts are left', async () => {
    const limits = { attempts: 1_000, attemptTimeoutMs: 100, callTimeoutMs: 300 };
    const { store } = await openStoreOn(
      Array.from({ length: 1_000 }, () => hang),
      { limits },
    );
    const startedMs = performance.now();
    await expect(store.read('a')).rejects.toMatchObject({ code: 'ETIMEDOUT', status: null });
    expect(performance.now() - startedMs).toBeLessThan(5_000);
  });

  it('does not repeat what was refused, and repeats nothing of the answer', async () => {
    const { store, server } = await openStoreOn([answer(403, 'AccessDenied')]);
    const failure = await store.list('', null, 1).catch((error: unknown) => error as Error);
    expect(failure).toMatchObject({ code: 'AccessDenied', status: 403, isPassing: false });
    expect(String((failure as Error).stack)).not.toMatch(/AKIDSECRET|very-secret|127\.0\.0\.1/);
    expect(server.requests).toHaveLength(1);
  });

  it('names a store that is not there', async () => {
    const { store, server } = await openStoreOn([]);
    await server.close();
    await expect(store.read('a')).rejects.toMatchObject({ code: 'ECONNREFUSED', isPassing: true });
  });

  it('ends at once when the store is closed, and none begins afterwards', async () => {
    const { store, server } = await openStoreOn([hang]);
    const reading = store.read('a');
    await Promise.all([expect(reading).rejects.toThrow('closed'), server.received(1).then(() => store.close())]);
    await expect(store.read('a')).rejects.toThrow('closed');
    expect(server.requests).toHaveLength(1);
  });
});

describe('what S3 answers', () => {
  const whole: Step = (response) => response.writeHead(200, { 'content-length': '10' }).end('0123456789');
  const half: Step = (response) => {
    response.writeHead(200, { 'content-length': '10' }).write('01234', () => response.socket?.destroy());
  };
  const stalled: Step = (response) => {
    response.writeHead(200, { 'content-length': '10' }).write('01234');
  };

  it('is read again when it breaks off', async () => {
    const { store, server } = await openStoreOn([half, whole]);
    expect(Buffer.from((await store.read('a'))!).toString()).toBe('0123456789');
    expect(server.requests).toHaveLength(2);
  });

  it('is read again when it stalls', async () => {
    const { store } = await openStoreOn([stalled, whole], { limits: { attemptTimeoutMs: 1_000 } });
    expect(Buffer.from((await store.read('a'))!).toString()).toBe('0123456789');
  });

  it.each([
    ['breaks off', half, 'ECONNRESET'],
    ['stalls', stalled, 'ETIMEDOUT'],
  ])('fails as a stream that %s', async (_, step, code) => {
    const { store } = await openStoreOn([step], { limits: { attemptTimeoutMs: 1_000 } });
    const stream = await store.readStream('a');
    await expect(buffer(stream!)).rejects.toMatchObject({ name: 'S3CallError', code });
  });

  it('is let go when the caller destroys a stream that it never read', async () => {
    const { store } = await openStoreOn([stalled, whole], { maxSockets: 1 });
    const stream = (await store.readStream('a'))! as NodeJS.ReadableStream & { destroy(): void };
    stream.destroy();
    // The only connection is free again, or this would wait for it.
    expect(await store.read('a')).toHaveLength(10);
  });

  it('is listed page by page up to the limit', async () => {
    const page =
      (keys: string[], token?: string): Step =>
      (response) => {
        const contents = keys.map((key) => `<Contents><Key>p/${key}</Key><Size>1</Size></Contents>`).join('');
        const next = token === undefined ? '' : `<NextContinuationToken>${token}</NextContinuationToken>`;
        response.end(
          `<ListBucketResult><IsTruncated>${next !== ''}</IsTruncated>${next}${contents}</ListBucketResult>`,
        );
      };
    const { store, server } = await openStoreOn([page(['a'], 't1'), page([], 't2'), page(['b', 'c'])], {
      keyPrefix: 'p/',
    });
    expect((await store.list('', 'A', 2_500)).map(({ key }) => key)).toEqual(['a', 'b', 'c']);
    const asked = server.requests.map(({ url }) => new URL(url, server.endpoint).searchParams);
    expect(asked.map((query) => query.get('max-keys'))).toEqual(['1000', '1000', '1000']);
    expect(asked.map((query) => query.get('continuation-token'))).toEqual([null, 't1', 't2']);
    expect(asked.map((query) => [query.get('prefix'), query.get('start-after')])).toEqual(
      Array.from({ length: 3 }, () => ['p/', 'p/A']),
    );
  });
});
