import { open } from 'node:fs/promises';
import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { S3ChecksumMode } from './s3-client.ts';
import type { ObjectBody } from './object-store.ts';

/** Metadata of every object: which call of `create` it comes from. Read back when an answer was lost. */
export const WRITER = 'writer';

/** A create-only PUT that can be sent again and again. */
export type PreparedPut = {
  send(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
};

/** Opens the body once, and checks a file's size before the first byte is sent. */
export async function preparePut(options: {
  client: S3Client;
  bucket: string;
  fullKey: string;
  writer: string;
  body: ObjectBody;
  checksumMode: S3ChecksumMode;
}): Promise<PreparedPut> {
  const { client, body } = options;
  const target = { Bucket: options.bucket, Key: options.fullKey, IfNoneMatch: '*' };
  if (!('path' in body)) {
    return {
      async send(signal) {
        const metadata = { [WRITER]: options.writer };
        const put = { ...target, Body: body, ContentLength: body.byteLength, Metadata: metadata };
        await client.send(new PutObjectCommand(put), { abortSignal: signal });
      },
      async close() {},
    };
  }
  const file = await open(body.path, 'r');
  try {
    const { size } = await file.stat();
    if (size !== body.bytes) throw new Error(`spooled body has ${size} bytes instead of ${body.bytes}`);
  } catch (error) {
    await file.close();
    throw error;
  }
  return {
    async send(signal) {
      const stream =
        body.bytes === 0 ? null : file.createReadStream({ start: 0, end: body.bytes - 1, autoClose: false });
      const put = new PutObjectCommand({
        ...target,
        Body: stream ?? new Uint8Array(0),
        ContentLength: body.bytes,
        Metadata: { [WRITER]: options.writer, sha256: body.sha256 },
        // A checksum that is given is not computed: the SDK would send a stream in chunks with a trailer, which radosgw
        // 16.2 refuses and others store as they came.
        ...(options.checksumMode === 'WHEN_SUPPORTED'
          ? { ChecksumSHA256: Buffer.from(body.sha256, 'hex').toString('base64') }
          : {}),
      });
      signPayload(put, body.sha256);
      try {
        await (stream === null
          ? client.send(put, { abortSignal: signal })
          : Promise.race([client.send(put, { abortSignal: signal }), failureOf(stream)]));
      } finally {
        stream?.destroy();
      }
    },
    close: () => file.close(),
  };
}

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
