import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { S3ChecksumMode } from './s3-client.ts';
import type { ObjectBody } from './object-store.ts';

/** Metadata of every object: which call of `create` it comes from. Read back when an answer was lost. */
export const WRITER = 'writer';

/** A quarter of the reads, and less CPU, than Node's 64 KiB. */
const READ_BYTES = 262_144;

/** Sends one create-only PUT; it can be sent again and again. */
type SendPut = (signal: AbortSignal) => Promise<void>;

/** Checks a file's size before the first byte is sent; the file is read anew by every attempt. */
export async function preparePut(options: {
  client: S3Client;
  address: { Bucket: string; Key: string };
  writer: string;
  body: ObjectBody;
  checksumMode: S3ChecksumMode;
}): Promise<SendPut> {
  const { client, body, checksumMode } = options;
  const target = { ...options.address, IfNoneMatch: '*' };
  const metadata = { [WRITER]: options.writer };
  if (!('path' in body)) {
    const put = { ...target, Body: body, ContentLength: body.byteLength, Metadata: metadata };
    return async (signal) => {
      await client.send(new PutObjectCommand(put), { abortSignal: signal });
    };
  }
  const { size } = await stat(body.path);
  if (size !== body.bytes) throw new Error(`spooled body has ${size} bytes instead of ${body.bytes}`);
  return async (signal) => {
    const stream = createReadStream(body.path, { end: Math.max(0, body.bytes - 1), highWaterMark: READ_BYTES });
    const put = new PutObjectCommand({
      ...target,
      Body: stream,
      ContentLength: body.bytes,
      Metadata: { ...metadata, sha256: body.sha256 },
      // A checksum that is given is not computed: the SDK would send a stream in chunks with a trailer, which radosgw
      // 16.2 refuses and others store as they came.
      ...(checksumMode === 'WHEN_SUPPORTED' ? { ChecksumSHA256: base64Of(body.sha256) } : {}),
    });
    signPayload(put, body.sha256);
    try {
      await Promise.race([client.send(put, { abortSignal: signal }), failureOf(stream)]);
    } finally {
      stream.destroy();
    }
  };
}

export const base64Of = (hex: string) => Buffer.from(hex, 'hex').toString('base64');

/**
 * Signs the known digest with the request instead of `UNSIGNED-PAYLOAD`, which is what the SDK does with a stream: the
 * store then refuses (400 `XAmzContentSHA256Mismatch`) bytes that changed on the disk or on the way.
 */
function signPayload(put: PutObjectCommand, sha256: string): void {
  put.middlewareStack.add(
    (next) => (args) => {
      (args.request as { headers: Record<string, string> }).headers['x-amz-content-sha256'] = sha256;
      return next(args);
    },
    { step: 'build', name: 'signKnownDigest' },
  );
}

/** Rejects when the file cannot be read: the SDK pipes it and would wait for the rest forever. */
function failureOf(stream: NodeJS.ReadableStream): Promise<never> {
  return new Promise((_, reject) => stream.once('error', reject));
}
