import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  type GetObjectCommandOutput,
} from '@aws-sdk/client-s3';
import { createOneByOne } from './create-one-by-one.ts';
import { assertObjectKey, type ObjectInfo, type ObjectStore } from './object-store.ts';
import { collectBody, streamBody } from './s3-answer-body.ts';
import { createS3Calls, S3_CALL_LIMITS, type S3CallLimits } from './s3-calls.ts';
import { openS3Client, type S3ClientOptions } from './s3-client.ts';
import { isMissingKey, statusOf } from './s3-failure.ts';
import { presignPut } from './s3-presign-put.ts';
import { preparePut, WRITER } from './s3-put-object.ts';

export type S3ObjectStoreOptions = S3ClientOptions & {
  bucket: string;
  /** Put before every key; it ends with `/`. */
  keyPrefix?: string | undefined;
  limits?: Partial<S3CallLimits>;
};

type ObjectAddress = { Bucket: string; Key: string };

const PAGE = 1_000;

/**
 * Object store in a bucket of S3, or of a server that speaks S3 and honours `If-None-Match: *`.
 *
 * It needs the permissions s3:PutObject, s3:GetObject, s3:DeleteObject and s3:ListBucket; without the last, S3 answers
 * 403 for a key that does not exist, and that is an error here.
 */
export function openS3ObjectStore(options: S3ObjectStoreOptions): ObjectStore {
  const { bucket, checksumMode, keyPrefix = '' } = options;
  if (keyPrefix !== '') assertObjectKey(keyPrefix.replace(/\/$/, ''));
  if (keyPrefix !== '' && !keyPrefix.endsWith('/')) throw new Error('the key prefix must end with /');
  const limits = { ...S3_CALL_LIMITS, ...options.limits };
  const client = openS3Client(options);
  const calls = createS3Calls(limits);
  const addressOf = (key: string): ObjectAddress => {
    assertObjectKey(key);
    return { Bucket: bucket, Key: keyPrefix + key };
  };
  const head = (address: ObjectAddress, signal: AbortSignal) =>
    client.send(new HeadObjectCommand(address), { abortSignal: signal }).catch(nullIfMissing);
  const get = <T>(address: ObjectAddress, use: (answer: GetObjectCommandOutput) => T | Promise<T>): Promise<T | null> =>
    calls.run('GetObject', async (signal) => {
      const answer = await client.send(new GetObjectCommand(address), { abortSignal: signal }).catch(nullIfMissing);
      return answer === null ? null : use(answer);
    });

  /**
   * A 412 to a repeated request may be the echo of our own put, whose answer was lost: the object then bears this
   * call's mark, and this caller did win. When that cannot be found out in time the call rejects; `false` always
   * means that an object of another call stands. (A caller that asks again after a rejection is another call: it gets
   * `false` and finds its own bytes, which is harmless where the first answer stands, as it does for all our keys.)
   */
  const create: ObjectStore['create'] = async (key, body) => {
    const address = addressOf(key);
    const writer = randomUUID();
    const send = await preparePut({ client, address, writer, body, checksumMode });
    return calls.run('PutObject', async (signal, nth) => {
      try {
        await send(signal);
        return true;
      } catch (error) {
        if (statusOf(error) !== 412) throw error;
        if (nth === 1) return false;
      }
      const standing = await head(address, signal);
      if (standing === null) throw deletedMeanwhile();
      return standing.Metadata?.[WRITER] === writer;
    });
  };

  return {
    create,
    createInOrder: createOneByOne(create),
    async read(key) {
      return get(addressOf(key), (answer) => collectBody(answer.Body as Readable, answer.ContentLength));
    },
    async readStream(key) {
      return get(addressOf(key), (answer) => streamBody(answer.Body as Readable, limits.attemptTimeoutMs));
    },
    async head(key) {
      const address = addressOf(key);
      const found = await calls.run('HeadObject', (signal) => head(address, signal));
      if (found === null) return null;
      return { key, bytes: found.ContentLength ?? 0, modifiedMs: found.LastModified?.getTime() ?? 0 };
    },
    async list(prefix, after, limit) {
      const found: ObjectInfo[] = [];
      let token: string | undefined;
      while (found.length < limit) {
        const request = new ListObjectsV2Command({
          Bucket: bucket,
          Prefix: keyPrefix + prefix,
          StartAfter: after === null ? undefined : keyPrefix + after,
          ContinuationToken: token,
          MaxKeys: Math.min(PAGE, limit - found.length),
        });
        const page = await calls.run('ListObjectsV2', (signal) => client.send(request, { abortSignal: signal }));
        for (const { Key = '', Size = 0, LastModified } of page.Contents ?? []) {
          found.push({ key: Key.slice(keyPrefix.length), bytes: Size, modifiedMs: LastModified?.getTime() ?? 0 });
        }
        token = page.NextContinuationToken;
        if (page.IsTruncated !== true || token === undefined) break;
      }
      return found;
    },
    async delete(key) {
      const request = new DeleteObjectCommand(addressOf(key));
      await calls.run('DeleteObject', (signal) => client.send(request, { abortSignal: signal }));
    },
    async presignPut(grant) {
      const address = addressOf(grant.key);
      // Nothing is sent; but the search for credentials may take its time.
      return calls.run('PresignPutObject', () => presignPut(client, address, checksumMode, grant));
    },
    async close() {
      calls.close();
      client.destroy();
    },
  };
}

function nullIfMissing(error: unknown): null {
  if (isMissingKey(error)) return null;
  throw error;
}

/** Ours or another's, the key is free again: the put is repeated, as after any conflict. */
const deletedMeanwhile = () =>
  Object.assign(new Error('object store: deleted while it was being created'), { name: 'ConditionalRequestConflict' });
